/* The options of refreshd: what its parser, its --help and its manual are made from. */
#ifndef REFRESHD_DAEMON_REFRESHD_OPTIONS_H
#define REFRESHD_DAEMON_REFRESHD_OPTIONS_H

#include <stdio.h>

struct daemon_option {
    const char *name;  /* without its dashes */
    const char *value; /* what stands for the value; NULL = none */
    int letter;        /* what getopt_long calls it */
    const char *help;
};

extern const struct daemon_option daemon_options[]; /* ends in a NULL name */

void daemon_options_print(FILE *out);

#endif
