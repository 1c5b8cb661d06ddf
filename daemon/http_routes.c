#include "daemon/http.h"

const struct http_path http_paths[] = {{NULL, NULL}};
