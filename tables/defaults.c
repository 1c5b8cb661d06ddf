/* What is counted when nothing else is said. */
#include "tables/tables.h"

const char tables_of_a_run[] =
    "outcomes = count[outcome]\n"
    "changed_by_country = sum[countrycode] of 1 when changed\n"
    "lost_by_country = sum[old_countrycode] of 1 when lost\n"
    "gained_by_country = sum[countrycode] of 1 when gained\n"
    "changed_cities = top(20) of city, countrycode when changed\n"
    "changes = sample(20) of old_label, label, lat, lon when changed\n"
    "moved = sample(20) of old_label, label, lat, lon when country_changed\n"
    "failures_by_cause = sum[cause] of 1 when outcome == \"failed\"\n"
    "entries_by_age = count[age_years]\n"
    "latency = quantile(101)[provider] of latency_ms\n"
    "bottleneck = count[hour, bottleneck]\n";

const char tables_of_a_query[] = "outcomes = count[outcome]\n"
                                 "entries_by_country = sum[countrycode] of 1\n"
                                 "entries_by_age = count[age_years]\n"
                                 "cities = top(20) of city, countrycode\n";
