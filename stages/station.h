/* The stations of the line, in the order in which points pass them. */
#ifndef REFRESHD_STAGES_STATION_H
#define REFRESHD_STAGES_STATION_H

enum station {
    STATION_SNAPSHOT,
    STATION_GEOCODE,
    STATION_WRITE,
    STATION_REBUILD,
    STATION_PUBLISH,
    STATION_COUNT
};
extern const char *const station_names[STATION_COUNT];

#endif
