#include "tables/field.h"

#include <math.h>
#include <string.h>

#define DAYS_PER_YEAR 365.25

void field_source_free(struct field_source *source)
{
    buffer_free(&source->label[0]);
    buffer_free(&source->label[1]);
    *source = (struct field_source){0};
}

/* --- the point --------------------------------------------------------------------- */

static struct value get_lat(struct field_source *source, const struct field *field)
{
    (void)field;
    return value_number((double)source->observed->entry->point.lat / POINT_UNITS_PER_DEGREE);
}

static struct value get_lon(struct field_source *source, const struct field *field)
{
    (void)field;
    return value_number((double)source->observed->entry->point.lon / POINT_UNITS_PER_DEGREE);
}

static struct value get_tile(struct field_source *source, const struct field *field)
{
    (void)field;
    return value_number(source->observed->tile);
}

/* --- the entry, new and old ---------------------------------------------------------- */

static struct value get_outcome(struct field_source *source, const struct field *field)
{
    (void)field;
    return value_text(source->observed->outcome);
}

static struct value get_old_outcome(struct field_source *source, const struct field *field)
{
    (void)field;
    const struct entry *old = source->observed->old;
    if (old == NULL)
        return value_missing();
    const char *name = outcome_names[old->outcome];
    return value_text((struct slice){name, (uint32_t)strlen(name)});
}

static struct value date_of(const struct entry *entry)
{
    return entry != NULL && entry->refreshed_at != 0 ? value_number(entry->refreshed_at)
                                                     : value_missing();
}

static struct value get_refreshed_at(struct field_source *source, const struct field *field)
{
    (void)field;
    return date_of(source->observed->entry);
}

static struct value get_old_refreshed_at(struct field_source *source, const struct field *field)
{
    (void)field;
    return date_of(source->observed->old);
}

static struct value get_address(struct field_source *source, const struct field *field)
{
    return value_text(source->observed->entry->address.field[field->part]);
}

static struct value get_old_address(struct field_source *source, const struct field *field)
{
    const struct entry *old = source->observed->old;
    return old != NULL ? value_text(old->address.field[field->part]) : value_missing();
}

/* get_label: part 0 is the new one, 1 the old one. */
static struct value get_label(struct field_source *source, const struct field *field)
{
    unsigned which = field->part;
    const struct entry *entry = which == 0 ? source->observed->entry : source->observed->old;
    struct buffer *label = &source->label[which];
    if (entry == NULL)
        return value_missing();
    if (!source->label_ready[which]) {
        buffer_clear(label);
        if (address_unfold(&entry->address, label, source->err) != 0) {
            source->failed = true;
            return value_missing();
        }
        source->label_ready[which] = true;
    }
    return value_text((struct slice){(const char *)label->data, (uint32_t)label->used});
}

/* --- what came of it ----------------------------------------------------------------- */

/* part is where the struct has it. */
static struct value get_judgement(struct field_source *source, const struct field *field)
{
    const struct observed *observed = source->observed;
    bool truth;
    memcpy(&truth, (const char *)observed + field->part, sizeof truth);
    return observed->judged ? value_truth(truth) : value_missing();
}

/* --- figures and words of the observation: part is where the struct has them ----------- */

static struct value get_figure(struct field_source *source, const struct field *field)
{
    double figure;
    memcpy(&figure, (const char *)source->observed + field->part, sizeof figure);
    return value_number(figure);
}

static struct value get_word(struct field_source *source, const struct field *field)
{
    struct slice word;
    memcpy(&word, (const char *)source->observed + field->part, sizeof word);
    return value_text(word);
}

static struct value get_age_years(struct field_source *source, const struct field *field)
{
    (void)field;
    return value_number(floor(source->observed->age_days / DAYS_PER_YEAR));
}

/* get_elapsed: whole spans of part seconds since the run's start. */
static struct value get_elapsed(struct field_source *source, const struct field *field)
{
    return value_number(floor(source->observed->answered_s / field->part));
}

/* --- the table ------------------------------------------------------------------------ */

#define NUMBER VALUE_NUMBER
#define TEXT VALUE_TEXT
#define TRUTH VALUE_TRUTH
#define MEMBER(member) (unsigned)offsetof(struct observed, member)

const struct field fields[] = {
    {"lat", NUMBER, true, get_lat, 0, "latitude of the point, degrees"},
    {"lon", NUMBER, true, get_lon, 0, "longitude of the point, degrees"},
    {"tile", NUMBER, true, get_tile, 0, "number of the tile that it lies in"},
    {"outcome", TEXT, true, get_outcome, 0,
     "what the geocoder said: found, none or unsure; failed when it did not answer"},
    {"label", TEXT, true, get_label, 0, "the address in one line"},
    {"name", TEXT, true, get_address, FIELD_NAME, "name of the place"},
    {"housenumber", TEXT, true, get_address, FIELD_HOUSENUMBER, "house number"},
    {"street", TEXT, true, get_address, FIELD_STREET, "street"},
    {"district", TEXT, true, get_address, FIELD_DISTRICT, "part of the city"},
    {"city", TEXT, true, get_address, FIELD_CITY, "city, town or village"},
    {"county", TEXT, true, get_address, FIELD_COUNTY, "county"},
    {"state", TEXT, true, get_address, FIELD_STATE, "state"},
    {"postcode", TEXT, true, get_address, FIELD_POSTCODE, "postcode"},
    {"country", TEXT, true, get_address, FIELD_COUNTRY, "country"},
    {"countrycode", TEXT, true, get_address, FIELD_COUNTRYCODE,
     "country as two letters, such as fr"},
    {"old_outcome", TEXT, false, get_old_outcome, 0, "outcome before the answer"},
    {"old_label", TEXT, false, get_label, 1, "label before the answer; likewise:"},
    {"old_name", TEXT, false, get_old_address, FIELD_NAME, ""},
    {"old_housenumber", TEXT, false, get_old_address, FIELD_HOUSENUMBER, ""},
    {"old_street", TEXT, false, get_old_address, FIELD_STREET, ""},
    {"old_district", TEXT, false, get_old_address, FIELD_DISTRICT, ""},
    {"old_city", TEXT, false, get_old_address, FIELD_CITY, ""},
    {"old_county", TEXT, false, get_old_address, FIELD_COUNTY, ""},
    {"old_state", TEXT, false, get_old_address, FIELD_STATE, ""},
    {"old_postcode", TEXT, false, get_old_address, FIELD_POSTCODE, ""},
    {"old_country", TEXT, false, get_old_address, FIELD_COUNTRY, ""},
    {"old_countrycode", TEXT, false, get_old_address, FIELD_COUNTRYCODE, ""},
    {"changed", TRUTH, false, get_judgement, MEMBER(changed), "whether the address is another now"},
    {"lost", TRUTH, false, get_judgement, MEMBER(lost), "changed, and there is none now"},
    {"gained", TRUTH, false, get_judgement, MEMBER(gained), "changed, and there was none before"},
    {"country_changed", TRUTH, false, get_judgement, MEMBER(country_changed),
     "changed, and the country is another"},
    {"refreshed_at", NUMBER, true, get_refreshed_at, 0,
     "when the entry was refreshed last, unix seconds; missing when never"},
    {"old_refreshed_at", NUMBER, false, get_old_refreshed_at, 0, "the same before the answer"},
    {"age_days", NUMBER, true, get_figure, MEMBER(age_days),
     "days since the refresh before the answer, in a query until now; missing when never"},
    {"age_years", NUMBER, true, get_age_years, 0, "the same in whole years"},
    {"distance_m", NUMBER, false, get_figure, MEMBER(distance_m),
     "metres from the point to the place that the geocoder named"},
    {"latency_ms", NUMBER, false, get_figure, MEMBER(latency_ms),
     "milliseconds that the request with the answer took"},
    {"status", NUMBER, false, get_figure, MEMBER(status), "HTTP status of the answer"},
    {"attempts", NUMBER, false, get_figure, MEMBER(attempts), "requests until the answer came"},
    {"bytes", NUMBER, false, get_figure, MEMBER(bytes), "this point's share of the reply"},
    {"cause", TEXT, false, get_word, MEMBER(cause), "why no answer came"},
    {"provider", TEXT, false, get_word, MEMBER(provider), "the geocoder"},
    {"peer", TEXT, false, get_word, MEMBER(peer), "the member of the fleet that asked"},
    {"bottleneck", TEXT, false, get_word, MEMBER(bottleneck),
     "the station that the line waited for when the answer came"},
    {"hour", NUMBER, false, get_elapsed, 3600, "whole hours from the run's start to the answer"},
    {"minute", NUMBER, false, get_elapsed, 60, "whole minutes of the same"},
    {"geocode_ms", NUMBER, false, get_figure, MEMBER(geocode_ms),
     "milliseconds from being asked first to the answer, waits and repetitions included"},
    {"write_ms", NUMBER, false, get_figure, MEMBER(write_ms),
     "milliseconds from there until the answer was safe on the disk"},
    {"rebuild_ms", NUMBER, false, get_figure, MEMBER(rebuild_ms),
     "milliseconds from there until its tile was rebuilt"},
};

const size_t field_count = sizeof fields / sizeof fields[0];

bool field_is_there(const struct field *field, struct field_source *source)
{
    if (field->get != get_label)
        return field->get(source, field).kind != VALUE_MISSING;
    const struct entry *entry = field->part == 0 ? source->observed->entry : source->observed->old;
    return entry != NULL && entry->address.field[FIELD_LABEL].length > 0;
}

const struct field *field_find(const char *name, size_t length)
{
    for (size_t i = 0; i < field_count; i++) {
        if (strlen(fields[i].name) == length && memcmp(fields[i].name, name, length) == 0)
            return &fields[i];
    }
    return NULL;
}

unsigned field_reads(const struct field *field)
{
    if (field->get == get_address)
        return 1u << field->part;
    return field->get == get_label && field->part == 0 ? (1u << FIELD_COUNT) - 1 : 0;
}

enum field_raw field_raw(const struct field *field, unsigned *offset)
{
    *offset = field->part;
    if (field->get == get_figure)
        return FIELD_RAW_FIGURE;
    if (field->get == get_word)
        return FIELD_RAW_WORD;
    if (field->get == get_address)
        return FIELD_RAW_ADDRESS;
    if (field->get == get_old_address)
        return FIELD_RAW_OLD_ADDRESS;
    if (field->get == get_judgement)
        return FIELD_RAW_TRUTH;
    *offset = field->get == get_outcome     ? MEMBER(outcome)
              : field->get == get_age_years ? MEMBER(age_days)
                                            : MEMBER(answered_s);
    if (field->get == get_outcome)
        return FIELD_RAW_WORD;
    bool grows = field->get == get_age_years || field->get == get_elapsed;
    return grows ? FIELD_RAW_FIGURE : FIELD_RAW_NONE;
}
