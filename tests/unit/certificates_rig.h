/* Certificates in a directory of their own, made anew for each program: files NAME.pem and
 * NAME.key. All are for 127.0.0.1 and localhost, of the authority ca.pem, unless said otherwise. */
#ifndef REFRESHD_TESTS_CERTIFICATES_RIG_H
#define REFRESHD_TESTS_CERTIFICATES_RIG_H

#include "fleet/exchange.h"

/* peer, other; expired, future; foreign (of another authority, foreign-ca.pem), server (not for
 * clients), elsewhere (for 127.0.0.9), self (signed by itself). 0 or -1: group set-up and
 * teardown. */
int certificates_rig_open(void **state);
int certificates_rig_close(void **state);

/* certificates_rig_identity: NAME's, with ca.pem; valid until the next call but three. */
struct exchange_identity certificates_rig_identity(const char *name);

/* certificates_rig_path: of a file in the directory; valid as long. */
const char *certificates_rig_path(const char *file);

#endif
