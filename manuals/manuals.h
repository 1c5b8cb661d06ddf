/* Parts of the manuals and completions that are made from the tables of keys, commands and options,
 * so that they say what the programs do. Each writes its part of a template (make_manuals.c). */
#ifndef REFRESHD_MANUALS_MANUALS_H
#define REFRESHD_MANUALS_MANUALS_H

#include <stdio.h>

/* For man pages, in mdoc. */
void manual_keys(FILE *out);           /* refreshd.conf(5): every section and key */
void manual_providers(FILE *out);      /* refreshd.conf(5): the geocoders */
void manual_daemon_options(FILE *out); /* refreshd(8) */
void manual_global_options(FILE *out); /* refreshctl(8): before the command */
void manual_commands(FILE *out);       /* refreshctl(8): each command */
void manual_exits(FILE *out);          /* refreshctl(8): exit statuses */
void manual_kinds(FILE *out);          /* refreshctl(8): kinds of tables */
void manual_fields(FILE *out);         /* refreshctl(8): fields of a record */

/* For shells. */
void completion_bash(FILE *out);
void completion_zsh(FILE *out);

/* mdoc_text: sentences as lines of text, filled, `words in quotes` in bold; nothing in them is
 * taken for a macro. mdoc_word: one word of a macro's line. */
void mdoc_text(FILE *out, const char *text);
void mdoc_word(FILE *out, const char *word);

#endif
