/* The report of a run: what its tables have counted, over every answer that is committed.
 *
 *   found = line_report(line, "", &report, err);    the newest run
 *   if (found == 1 && report.tally != NULL)
 *       json = tally_json(report.tally, err);
 *   run_report_free(&report);
 */
#ifndef REFRESHD_STAGES_REPORT_H
#define REFRESHD_STAGES_REPORT_H

#include "stages/line.h"
#include "tables/tally.h"

struct run_report {
    struct run_record run; /* counts as of the same moment as the tally */
    struct tables *tables; /* NULL: none are kept of this run; tally is NULL as well */
    struct tally *tally;
    uint64_t answers; /* that the tables have looked at: all that run.counts.settled has, but for a
                       * cancelled or failed run some of whose answers could not be read any more,
                       * or not in time */
};

/* line_report: the run of that id, active or ended; "" = the newest. 1 = *out filled, for
 * run_report_free; 0 = no such run; -1. May read for seconds while answers of many tiles are not
 * rebuilt yet. Any thread, without a lock of the line. */
int line_report(struct line *line, const char *run, struct run_report *out, struct error *err);
void run_report_free(struct run_report *report); /* zeroes it */

/* line_end_reports: for a line that is about to be closed: reports under way, and later ones that
 * would take long, end with ERROR_CANCELED. */
void line_end_reports(struct line *line);

/* run_tables: the tables that this text makes, checked, as text that says no more than it must: for
 * run_parameters.tables. The caller frees. ERROR_VALUE: what is wrong with it, also when it is more
 * than RUN_TABLES_BYTES. */
int run_tables(const char *text, char **out, struct error *err);

#endif
