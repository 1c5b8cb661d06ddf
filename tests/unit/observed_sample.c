#include "tests/unit/observed_sample.h"

#include <math.h>

static struct slice text(const char *words)
{
    return (struct slice){words, (uint32_t)strlen(words)};
}

/* In a folded label the byte 0xF5 + n stands for field n. */
void observed_sample_full(struct observed_sample *out)
{
    observed_sample_bare(out);
    out->entry.outcome = out->old.outcome = OUTCOME_FOUND;
    out->entry.refreshed_at = 1700000000;
    out->entry.address.field[FIELD_CITY] = text("Paris");
    out->entry.address.field[FIELD_COUNTRY] = text("France");
    out->entry.address.field[FIELD_COUNTRYCODE] = text("fr");
    out->entry.address.field[FIELD_LABEL] = text("1 Rue A, \xFA, \xFE");
    out->old.refreshed_at = 1600000000;
    out->old.address.field[FIELD_CITY] = text("Madrid");
    out->old.address.field[FIELD_COUNTRYCODE] = text("es");
    out->old.address.field[FIELD_LABEL] = text("2 Calle B, \xFA");
    struct observed *observed = &out->observed;
    observed->old = &out->old;
    observed->outcome = text("found");
    observed->judged = observed->changed = observed->country_changed = true;
    observed->age_days = 800.5;
    observed->distance_m = 12.5;
    observed->latency_ms = 30;
    observed->status = 200;
    observed->attempts = 2;
    observed->bytes = 512;
    observed->provider = text("photon");
    observed->peer = text("a");
    observed->bottleneck = text("geocode");
    observed->answered_s = 3661;
    observed->geocode_ms = 40;
    observed->write_ms = 50;
    observed->rebuild_ms = 60;
}

void observed_sample_bare(struct observed_sample *out)
{
    memset(out, 0, sizeof *out);
    out->entry.point = out->old.point = (struct point){488566000, -22500000};
    out->observed = (struct observed){
        .tile = 17,
        .code = 99,
        .entry = &out->entry,
        .age_days = NAN,
        .distance_m = NAN,
        .latency_ms = NAN,
        .status = NAN,
        .attempts = NAN,
        .bytes = NAN,
        .answered_s = NAN,
        .geocode_ms = NAN,
        .write_ms = NAN,
        .rebuild_ms = NAN,
    };
}
