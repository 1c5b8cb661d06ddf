/* All commands of refreshctl: finding one, and what is said of them. Also read by the program that
 * makes the manual and the completions. */
#ifndef REFRESHD_DAEMON_REFRESHCTL_COMMANDS_H
#define REFRESHD_DAEMON_REFRESHCTL_COMMANDS_H

#include <stdio.h>

#include "daemon/refreshctl_session.h"

/* command_at: the commands in the order of the manual; NULL behind the last. */
const struct subcommand *command_at(size_t number);

/* command_find: the command that the words begin with, and how many of them name it; or NULL. */
const struct subcommand *command_find(int argc, char **argv, int *words);

/* command_nearest: what words that are no command may have meant, or NULL; given becomes what is
 * called unknown. */
const char *command_nearest(int argc, char **argv, char *given, size_t bytes);

/* command_is_group: the first word of commands of two words. */
bool command_is_group(const char *name);

/* command_exit_meaning: what an exit status of refreshctl (enum exit_status) says. */
const char *command_exit_meaning(int status);

void command_print_overview(FILE *out);
void command_print_group(const char *group, FILE *out);
void command_print_help(const struct subcommand *command, FILE *out);

#endif
