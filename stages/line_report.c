/* What a run's tables have counted. */
#include "stages/report.h"

int line_report(struct line *line, const char *run, struct run_report *out, struct error *err)
{
    *out = (struct run_report){0};
    return ledger_find_run(line_ledger(line), run, &out->run, err);
}

void run_report_free(struct run_report *report)
{
    *report = (struct run_report){0};
}
