/* A session with a network provider, for tests of what these providers share: open before each
 * test, closed after it. */
#ifndef REFRESHD_TESTS_SESSION_RIG_H
#define REFRESHD_TESTS_SESSION_RIG_H

#include "geocoder/network.h"

#define RIG_SESSION_KEY "k\xc3\xa9y/1"

extern struct geocoder_settings rig_settings;
extern struct network_session *rig_session;

/* Set-up and tear-down of cmocka. */
int rig_session_open(void **state);
int rig_session_close(void **state);

#endif
