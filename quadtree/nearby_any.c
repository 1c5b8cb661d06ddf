#define LANES 2
#define SEARCH_ONE search_one_any
#define SEARCH_GROUP search_group_any
#include "quadtree/nearby.h"
