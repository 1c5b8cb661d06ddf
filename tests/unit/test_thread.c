#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <semaphore.h>
#include <string.h>
#include <sys/resource.h>

#include "base/thread.h"
#include "tests/unit/patience.h"

struct seen {
    sem_t go;
    sigset_t mask;
    char name[16];
};

static void *look(void *argument)
{
    struct seen *seen = argument;
    while (sem_wait(&seen->go) != 0)
        ;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &seen->mask);
    (void)pthread_getname_np(pthread_self(), seen->name, sizeof seen->name);
    return seen;
}

static void look_in_thread(struct seen *seen, const char *name)
{
    pthread_t thread;
    void *result = NULL;
    struct error err = {0};
    assert_int_equal(sem_init(&seen->go, 0, 0), 0);
    assert_int_equal(thread_start(&thread, name, look, seen, &err), 0);
    assert_int_equal(sem_post(&seen->go), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, seen);
    assert_int_equal(sem_destroy(&seen->go), 0);
}

static void a_thread_hears_only_its_own_faults(void **state)
{
    (void)state;
    static const int deaf_to[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD, SIGPIPE, SIGALRM};
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    struct seen seen;
    look_in_thread(&seen, "short");
    for (unsigned i = 0; i < sizeof deaf_to / sizeof deaf_to[0]; i++)
        assert_int_equal(sigismember(&seen.mask, deaf_to[i]), 1);
    for (unsigned i = 0; i < sizeof own / sizeof own[0]; i++)
        assert_int_equal(sigismember(&seen.mask, own[i]), 0);
}

static void the_caller_hears_as_before(void **state)
{
    (void)state;
    struct seen seen;
    sigset_t mine, wanted, before;
    (void)sigemptyset(&wanted);
    (void)sigaddset(&wanted, SIGUSR2);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &wanted, &before), 0);
    look_in_thread(&seen, "short");
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, &mine), 0);
    assert_int_equal(sigismember(&mine, SIGUSR2), 1);
    assert_int_equal(sigismember(&mine, SIGTERM), 0);
}

static void a_name_is_cut_to_what_the_kernel_takes(void **state)
{
    (void)state;
    struct seen seen;
    look_in_thread(&seen, "short");
    assert_string_equal(seen.name, "short");
    look_in_thread(&seen, "a-name-of-more-than-15");
    assert_string_equal(seen.name, "a-name-of-more-");
}

static void threads_of_libraries_inherit_deafness(void **state)
{
    (void)state;
    struct seen seen;
    sigset_t before, mine;
    pthread_t thread;
    assert_int_equal(sem_init(&seen.go, 0, 1), 0);
    thread_deafen(&before);
    int made = pthread_create(&thread, NULL, look, &seen);
    thread_hear(&before);
    assert_int_equal(made, 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(sigismember(&seen.mask, SIGTERM), 1);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &mine), 0);
    assert_int_equal(sigismember(&mine, SIGTERM), 0);
    assert_int_equal(sem_destroy(&seen.go), 0);
}

/* A stack larger than the address space allows: as good as no room for a thread. */
static void no_room_is_an_error(void **state)
{
    (void)state;
    if (SANITIZED)
        skip(); /* they need room of their own */
    struct rlimit room, none;
    struct seen seen;
    struct error err = {0};
    pthread_t thread;
    assert_int_equal(getrlimit(RLIMIT_AS, &room), 0);
    none = room;
    none.rlim_cur = 1;
    assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
    int result = thread_start(&thread, "unlucky", look, &seen, &err);
    assert_int_equal(setrlimit(RLIMIT_AS, &room), 0);
    assert_int_equal(result, -1);
    assert_int_equal(err.code, ERROR_MEMORY);
    assert_non_null(strstr(err.message, "unlucky"));
    assert_int_not_equal(err.os_errno, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_room_is_an_error), /* before there is a stack to use again */
        cmocka_unit_test(a_thread_hears_only_its_own_faults),
        cmocka_unit_test(the_caller_hears_as_before),
        cmocka_unit_test(a_name_is_cut_to_what_the_kernel_takes),
        cmocka_unit_test(threads_of_libraries_inherit_deafness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
