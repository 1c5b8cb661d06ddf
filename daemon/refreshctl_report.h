/* Reports and queries as documents: {"run":..,"tables":[..]}. */
#ifndef REFRESHD_DAEMON_REFRESHCTL_REPORT_H
#define REFRESHD_DAEMON_REFRESHCTL_REPORT_H

#include "daemon/refreshctl_session.h"

enum report_form { REPORT_TEXT, REPORT_CSV, REPORT_JSON };

/* report_form: how the words of a command want it. */
enum report_form report_form(const struct session *session, bool csv);

/* report_print: the document's tables behind `head` (for people alone), or all of it as JSON. Takes
 * the document over; returns the exit status. */
int report_print(const struct session *session, cJSON *document, enum report_form form,
                 const struct buffer *head);

#endif
