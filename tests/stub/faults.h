/* The kinds of faults, and what each does to a reply. */
#ifndef REFRESHD_TESTS_STUB_FAULTS_H
#define REFRESHD_TESTS_STUB_FAULTS_H

#include "tests/stub/reply.h"
#include "tests/stub/request.h"
#include "tests/stub/shapes.h"

/* What a rule says besides its kind; 0 and NULL are not said. */
struct fault_values {
    unsigned status, ms;
    size_t bytes;
    double retry_after; /* seconds */
    double retry_date;  /* seconds from now, told as a date */
    const char *text;   /* a body, or where to redirect to */
    const char *type;   /* the body's content type */
};

/* Either of the functions may be NULL; the rest is about delivery. */
struct fault {
    const char *name;

    /* Before the answer is made. */
    void (*before)(const struct fault_values *values, struct rows *rows,
                   struct knowledge *knowledge);

    /* When it was made. */
    void (*after)(const struct fault_values *values, const struct request *request,
                  struct reply *reply);
    enum framing framing;
    enum ending ending;
    bool silent;
    bool half; /* only half of the body is sent */
};

/* fault_spoil: what the fault does to a reply that was made. */
void fault_spoil(const struct fault *fault, const struct fault_values *values,
                 const struct request *request, struct reply *reply);

const struct fault *fault_find(const char *name); /* NULL = there is no such kind */

#endif
