#define FUZZED_PROVIDER addok_provider
#define SINGLE_REPLY                                                                               \
    "{\"features\":[{\"geometry\":{\"coordinates\":[13,52.1]},\"properties\":{\"label\""           \
    ":\"1 Rue A Lyon\",\"housenumber\":\"1\",\"name\":\"1 Rue A\",\"street\":\"Rue A\",\"typ"      \
    "e\":\"housenumber\",\"city\":\"Lyon\",\"context\":\"69, Rhone, Alpes\"}}]}"
#define BATCH_REPLY                                                                                \
    "latitude,longitude,result_latitude,result_longitude,result_label,result_"                     \
    "distance,result_type,result_name,result_street,result_city,result_contex"                     \
    "t,result_status\n52.1,13,52.1,13,1 Rue A Lyon,1,street,Rue A,,Lyon,\"69, R"                   \
    "hone, Alpes\",ok\n0,-180,,,\"l \"\"q\"\"\",1,locality,n,,c,,\n-0.0000005,0.000000"            \
    "7,,,l,1,municipality,c,s,,,ok\n"
#include "tests/fuzz/reply_fuzz.h"
