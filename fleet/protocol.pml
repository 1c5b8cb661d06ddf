/* PROTOCOL.md as a model for spin: `make check-model`.
 *
 * etcd is one store whose transactions are atomic and whose reads are linearizable. A peer never
 * looks at the reply of a transaction, it reads again; so a lost reply is like a lost request. Each
 * transaction happens in the step in which its peer has read what it compares, or LATE: whenever
 * you like after it, or never. Leases vanish while their peer works on and does not know. Peers
 * crash between any two steps, keep what is durable, and come back (or, GONE, never).
 *
 * Not in the model: bytes, clocks, learned points and the snapshot (all of the kind "the first one
 * wins, the others compare", which shares stand for), the rate, rollbacks, and who has which
 * answers (here a peer fetches from any that runs and has them).
 *
 * A share's answers are a number that no other asking of that share gives, so that peers that built
 * from different answers have different digests. Every way through the steps ends: there, where
 * nobody can do anything more, `quiet` says that the fleet must have agreed.
 *
 * Settings, by -D: RUNNING (peers), RUNS, SHARES, QUORUM, and how often what may happen: CRASHES,
 * LEASES (lost), LATE, CANCELS, PAUSES, OUTS, GONE. No assertion may fail. Faults of the protocol,
 * each of which has to make one fail, are further -Ds, listed in tests/model/check.sh. */
#ifndef RUNS
#define RUNS 2
#endif
#ifndef SHARES
#define SHARES 2
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef LEASES
#define LEASES 1
#endif
#ifndef LATE
#define LATE 0
#endif
#ifndef CANCELS
#define CANCELS 0
#endif
#ifndef PAUSES
#define PAUSES 0
#endif
#ifndef OUTS
#define OUTS 0
#endif
#ifndef GONE
#define GONE 0
#endif
#ifndef RUNNING
#define RUNNING 3
#endif
#define PEERS 3 /* of which the first RUNNING exist */
#ifndef FORCE
#define FORCE (gones > 0)
#endif

/* --- etcd ------------------------------------------------------------------------------- */
byte the_run;     /* key `run`: 0 = absent, else its number, which never comes again */
byte base;    /* in `run`: digest of the generation it begins with */
byte members; /* in `run`: bit of each */
byte wish;    /* of this run; each value once, so that it is its own revision */
#define NO_WISH 0
#define PAUSED 1
#define RESUMED 2
#define FORCED 3
byte current, current_digest; /* the last decision: run and digest */
byte ended;                   /* the last run that ended without */
byte claim[SHARES];           /* 0 = absent, else 1 + peer */
byte done[SHARES];            /* 0 = absent, else the answers */
byte reopened;                /* how often a share was opened again */
byte ready[PEERS];            /* 0 = absent, else the digest */
bit out[PEERS];
bit lease[PEERS]; /* keys under the peer's lease exist: claims and ready */

/* --- peers: what is durable ------------------------------------------------------------- */
typedef answers {
    byte share[SHARES]; /* 0 = none, ASKING (not durable), else what we have */
}
#define ASKING 7
answers has[PEERS];
byte joined[PEERS];    /* the run of our line, 0 = none */
byte prepared[PEERS];  /* digest of the prepared generation, 0 = none */
byte published[PEERS]; /* digest */

/* --- peers: what a crash forgets -------------------------------------------------------- */
bit up[PEERS];
byte seen[PEERS]; /* `reopened`, as read when our answers were those of every `done`; UNKNOWN */
#define UNKNOWN 255
byte next[PEERS]; /* digest that is about to be published, 0 = none */

/* A transaction: what was read (a, b, c, d) and is compared. */
typedef request {
    byte kind, a, b, c, d;
}
#define NOTHING 0
#define START 1  /* a current, b ended, c base, d members */
#define DECIDE 2 /* a run, b wish, c digest, d peers that are ready */
#define END 3    /* a run */
#define WISH 4   /* a run, b wish, c new wish */
#define REOPEN 5 /* a run, b share, c done, d reopened */
#define READY 6  /* a run, b peer, c digest, d reopened */
#define DONE 7   /* a run, b share, c answers */
request asked_for, late;

/* --- what only the checker knows -------------------------------------------------------- */
byte runs; /* started */
byte decided[RUNS + 1];
bit over[RUNS + 1];
byte asked[SHARES]; /* answers of this run that were ever given */
byte crashes, leases, lates, cancels, pauses, outs, gones;
bit gone[PEERS];
hidden byte i, n; /* of one step only */

#define BIT(p) (1 << (p))
#define IS_MEMBER(p) ((members >> (p)) & 1)
#define RUN_OF(digest) ((digest) >> 6)
#if SHARES == 2
#define DIGEST(p) (joined[p] * 64 + has[p].share[0] * 8 + has[p].share[1])
#else
#define DIGEST(p) (joined[p] * 64 + has[p].share[0])
#endif
#ifdef QUORUM
#define MAJORITY_IS_ENOUGH true
#else
#define MAJORITY_IS_ENOUGH (wish == FORCED)
#endif

/* --- transactions ----------------------------------------------------------------------- */
/* Keys of a run that is over stay until the next start. Nobody reads them, so that only those that
 * a late decision compares are kept here. */
inline forget_run()
{
    the_run = 0;
    base = 0;
    members = 0;
    reopened = 0;
    for (i : 0 .. SHARES - 1) {
        claim[i] = 0;
        done[i] = 0;
        asked[i] = 0;
    }
    for (i : 0 .. PEERS - 1) {
        out[i] = 0;
    }
}

inline end_run(number)
{
    assert(!over[number]); /* each run ends once */
    over[number] = 1;
}

/* As read: are the peers in r.d still ready with r.c? */
inline count_ready(r)
{
    n = 0;
    for (i : 0 .. PEERS - 1) {
        if
        :: ((r.d >> i) & 1) && ready[i] != r.c -> n++
        :: else
        fi
    }
}

#ifdef START_WITHOUT_CURRENT
#define START_HOLDS(r) (the_run == 0)
#else
#ifdef START_WITHOUT_ABSENT
#define START_HOLDS(r) (current == r.a && ended == r.b)
#else
#define START_HOLDS(r) (the_run == 0 && current == r.a && ended == r.b)
#endif
#endif
#ifdef DECIDE_WITHOUT_RUN
#define DECIDE_RUN_HOLDS(r) true
#else
#define DECIDE_RUN_HOLDS(r) (the_run == r.a)
#endif
#ifdef DECIDE_WITHOUT_WISH
#define DECIDE_WISH_HOLDS(r) true
#else
#define DECIDE_WISH_HOLDS(r) (wish == r.b)
#endif
#ifdef DECIDE_WITHOUT_READY
#define DECIDE_READY_HOLDS true
#else
#define DECIDE_READY_HOLDS (n == 0)
#endif
#ifdef END_WITHOUT_RUN
#define END_HOLDS(r) true
#else
#define END_HOLDS(r) (the_run == r.a)
#endif
#ifdef READY_WITHOUT_REOPENED
#define READY_HOLDS(r) (the_run == r.a && lease[r.b] && !out[r.b])
#else
#ifdef READY_WITHOUT_OUT
#define READY_HOLDS(r) (the_run == r.a && lease[r.b] && reopened == r.d)
#else
#define READY_HOLDS(r) (the_run == r.a && lease[r.b] && !out[r.b] && reopened == r.d)
#endif
#endif
#ifdef DONE_WITHOUT_ABSENT
#define DONE_HOLDS(r) (the_run == r.a)
#else
#define DONE_HOLDS(r) (the_run == r.a && done[r.b] == 0)
#endif
#define REOPEN_HOLDS(r) (the_run == r.a && done[r.b] == r.c && reopened == r.d)

inline forget(r)
{
    r.kind = NOTHING;
    r.a = 0;
    r.b = 0;
    r.c = 0;
    r.d = 0
}

inline commit(r)
{
    if
    :: r.kind == START && START_HOLDS(r) && runs < RUNS ->
        assert(the_run == 0); /* one unfinished run at a time */
        forget_run();
        wish = NO_WISH;
        for (i : 0 .. PEERS - 1) {
            ready[i] = 0;
        }
        runs++;
        the_run = runs;
        base = r.c;
        members = r.d;
    :: r.kind == DECIDE ->
        count_ready(r);
        if
        :: DECIDE_RUN_HOLDS(r) && DECIDE_WISH_HOLDS(r) && DECIDE_READY_HOLDS ->
            assert(wish != PAUSED);
            end_run(r.a);
            assert(base == current_digest); /* decisions follow one another */
            for (i : 0 .. PEERS - 1) {      /* who said ready has it */
                assert(!((r.d >> i) & 1) || prepared[i] == r.c);
            }
            decided[r.a] = r.c;
            current = r.a;
            current_digest = r.c;
            forget_run();
        :: else
        fi
    :: r.kind == END && END_HOLDS(r) ->
        end_run(r.a);
        ended = r.a;
        forget_run();
    :: r.kind == WISH && the_run == r.a && wish == r.b -> wish = r.c
    :: r.kind == REOPEN && REOPEN_HOLDS(r) ->
        done[r.b] = 0;
        reopened++;
#ifndef REOPEN_KEEPS_READY
        for (i : 0 .. PEERS - 1) {
            ready[i] = 0;
        }
#endif
    :: r.kind == READY && READY_HOLDS(r) -> ready[r.b] = r.c
    :: r.kind == DONE && DONE_HOLDS(r) ->
        done[r.b] = r.c;
        claim[r.b] = 0;
    :: else /* a comparison failed */
    fi;
    forget(r);
    n = 0;
    i = 0;
}

inline ask(k, w, x, y, z)
{
    asked_for.kind = k;
    asked_for.a = w;
    asked_for.b = x;
    asked_for.c = y;
    asked_for.d = z;
    if
    :: true -> d_step { commit(asked_for) }
    :: lates < LATE && late.kind == NOTHING ->
        d_step {
            lates++;
            late.kind = asked_for.kind;
            late.a = asked_for.a;
            late.b = asked_for.b;
            late.c = asked_for.c;
            late.d = asked_for.d;
            forget(asked_for)
        }
    fi
}

/* --- peers ------------------------------------------------------------------------------ */
#define IN_RUN (up[me] && joined[me] != 0 && joined[me] == the_run)

#define IS_READY(q) (IS_MEMBER(q) && ready[q] != 0)
#define IS_AWAITED(q) (IS_MEMBER(q) && ready[q] == 0 && !out[q])
#define READY_COUNT (IS_READY(0) + IS_READY(1) + IS_READY(2))
#define READY_BITS (IS_READY(0) + 2 * IS_READY(1) + 4 * IS_READY(2))
#define MEMBER_COUNT (IS_MEMBER(0) + IS_MEMBER(1) + IS_MEMBER(2))
#define READY_DIGEST (ready[0] | ready[1] | ready[2]) /* when all agree */
#define AGREES(q) (ready[q] == 0 || ready[q] == READY_DIGEST)
#define ALL_AGREE (AGREES(0) && AGREES(1) && AGREES(2))
#define ALL_READY (!IS_AWAITED(0) && !IS_AWAITED(1) && !IS_AWAITED(2))
#define OUT_COUNT ((IS_MEMBER(0) && out[0]) + (IS_MEMBER(1) && out[1]) + (IS_MEMBER(2) && out[2]))
#define MOST_OUT (the_run != 0 && (OUT_COUNT * 2 > MEMBER_COUNT || OUT_COUNT == MEMBER_COUNT))
#ifdef QUORUM_WITHOUT_ALL
#define ENOUGH (READY_COUNT * 2 > MEMBER_COUNT)
#else
#define ENOUGH (READY_COUNT > 0 && \
    (ALL_READY || (MAJORITY_IS_ENOUGH && READY_COUNT * 2 > MEMBER_COUNT)))
#endif

/* Not even a majority of the members is left: operators give up. */
#define IS_LEFT(q) (IS_MEMBER(q) && !gone[q])
#define IS_HOPELESS (gones > 0 && (IS_LEFT(0) + IS_LEFT(1) + IS_LEFT(2)) * 2 <= MEMBER_COUNT)

#define RUNS_AND_HAS(q, s) (up[q] && has[q].share[s] == done[s])
#define CAN_BE_FETCHED(s) (RUNS_AND_HAS(0, s) || RUNS_AND_HAS(1, s) || RUNS_AND_HAS(2, s))
#define LIVES_AND_HAS(q, s) (lease[q] && RUNS_AND_HAS(q, s))
#define IS_HELD(s) (LIVES_AND_HAS(0, s) || LIVES_AND_HAS(1, s) || LIVES_AND_HAS(2, s))
#define SERVES(q) (up[q] && published[q] == current_digest)
#define IS_SERVED (SERVES(0) || SERVES(1) || SERVES(2))
#define IS_APPLIED(q) (lease[q] && published[q] == current_digest)
#define LIVE_BITS (lease[0] + 2 * lease[1] + 4 * lease[2])

/* It is decided, and we have prepared what was decided. */
#ifdef SWITCH_WITHOUT_DIGEST
#define DECIDED_OURS (joined[me] != 0 && current == joined[me] && prepared[me] != 0)
#else
#ifdef SWITCH_ON_OWN_OPINION
#define DECIDED_OURS \
    (prepared[me] != 0 && (current_digest == prepared[me] || (IN_RUN && ENOUGH && wish != PAUSED)))
#else
#define DECIDED_OURS \
    (joined[me] != 0 && current == joined[me] && prepared[me] == current_digest)
#endif
#endif

#ifdef END_READ_BEFORE_RUN /* `current`, that is: the run is over, and for all we know undecided */
#define OVER true
#else
#define OVER (!DECIDED_OURS || published[me] == prepared[me])
#endif

#ifdef BASE_AS_PUBLISHED
#define MAY_START true
#define BASE published[me]
#else
#define MAY_START (IS_APPLIED(0) || IS_APPLIED(1) || IS_APPLIED(2))
#define BASE current_digest
#endif
#ifdef JOIN_STALE
#define MAY_JOIN true
#else
#define MAY_JOIN (published[me] == base)
#endif
#ifdef READY_WITHOUT_REOPENED
#define SEEN_HOLDS true
#else
#define SEEN_HOLDS (seen[me] == reopened)
#endif
#ifdef KEEP_OWN_ANSWERS
#define IS_RIGHT(s) (has[me].share[s] != 0 && has[me].share[s] != ASKING)
#else
#define IS_RIGHT(s) (has[me].share[s] != 0 && has[me].share[s] == done[s])
#endif

#if SHARES == 2
#define ALL_RIGHT (IS_RIGHT(0) && IS_RIGHT(1))
#else
#define ALL_RIGHT IS_RIGHT(0)
#endif

inline leave()
{
    joined[me] = 0;
    prepared[me] = 0;
    seen[me] = UNKNOWN;
    for (i : 0 .. SHARES - 1) {
        has[me].share[i] = 0;
    }
    i = 0;
}

inline drop_claims()
{
    for (i : 0 .. SHARES - 1) {
        if
        :: claim[i] == me + 1 -> claim[i] = 0
        :: else
        fi
    }
    i = 0;
}

#define SHARE_STEPS(s)                                                                             \
    /* claim; also take over what our earlier process claimed */                                   \
    :: d_step { IN_RUN && lease[me] && done[s] == 0 && has[me].share[s] == 0 &&                    \
        (claim[s] == 0 || claim[s] == me + 1) ->                                                   \
        claim[s] = me + 1;                                                                         \
        has[me].share[s] = ASKING }                                                                \
    /* The geocoder has answered and that is durable, no matter what became of the claim. */       \
    :: d_step { IN_RUN && has[me].share[s] == ASKING ->                                            \
        asked[s]++;                                                                                \
        assert(asked[s] < ASKING);                                                                 \
        has[me].share[s] = asked[s] }                                                              \
    :: atomic { IN_RUN && lease[me] && has[me].share[s] != 0 && has[me].share[s] != ASKING &&      \
        DONE_MAY_BE_PUT(s) -> ask(DONE, the_run, s, has[me].share[s], 0) }                         \
    /* Others were first, or the share was opened again: ours are thrown away. */                  \
    :: d_step { IN_RUN && done[s] != 0 && has[me].share[s] != 0 && has[me].share[s] != ASKING &&   \
        !IS_RIGHT(s) ->                                                                            \
        assert(ready[me] == 0); /* nobody counts on what is thrown away */                         \
        has[me].share[s] = 0;                                                                      \
        prepared[me] = 0 }                                                                         \
    :: d_step { IN_RUN && done[s] != 0 && CAN_BE_FETCHED(s) &&                                     \
        (has[me].share[s] == 0 || has[me].share[s] == ASKING) ->                                   \
        has[me].share[s] = done[s] }                                                               \
    :: atomic { IN_RUN && done[s] != 0 && has[me].share[s] != done[s] && !IS_HELD(s) ->            \
        ask(REOPEN, the_run, s, done[s], reopened) }
#ifdef DONE_WITHOUT_ABSENT
#define DONE_MAY_BE_PUT(s) (done[s] != has[me].share[s] && asked[s] == has[me].share[s])
#else
#define DONE_MAY_BE_PUT(s) (done[s] == 0)
#endif

proctype peer(byte me)
{
end:
    do
    /* operators, and cron */
    :: atomic { up[me] && lease[me] && the_run == 0 && runs < RUNS && MAY_START && next[me] == 0 ->
        ask(START, current, ended, BASE, LIVE_BITS) }
    :: atomic { up[me] && the_run != 0 && cancels < CANCELS ->
        cancels++;
        ask(END, the_run, 0, 0, 0) }
    :: atomic { up[me] && the_run != 0 && IS_HOPELESS -> ask(END, the_run, 0, 0, 0) }
    :: atomic { up[me] && the_run != 0 && wish == NO_WISH && pauses < PAUSES ->
        pauses++;
        ask(WISH, the_run, wish, PAUSED, 0) }
    :: atomic { up[me] && the_run != 0 && wish == PAUSED -> ask(WISH, the_run, wish, RESUMED, 0) }
    :: atomic { up[me] && the_run != 0 && (wish == NO_WISH || wish == RESUMED) && FORCE ->
        ask(WISH, the_run, wish, FORCED, 0) }

    /* joining and leaving */
    :: d_step { up[me] && joined[me] == 0 && next[me] == 0 && the_run != 0 && IS_MEMBER(me) &&
        !out[me] && MAY_JOIN -> joined[me] = the_run }
    :: d_step { up[me] && joined[me] != 0 && joined[me] != the_run && next[me] == 0 && OVER ->
        leave() }
    :: d_step { IN_RUN && next[me] == 0 && outs < OUTS ->
        outs++;
        out[me] = 1;
        ready[me] = 0;
#ifndef OUT_KEEPS_CLAIMS
        drop_claims();
#endif
        leave() }
    /* what a former process of ours promised */
    :: d_step { IN_RUN && ready[me] != 0 && seen[me] == UNKNOWN -> ready[me] = 0 }

    SHARE_STEPS(0)
#if SHARES == 2
    SHARE_STEPS(1)
#endif

    /* rebuild, ready, decide, switch */
    :: d_step { IN_RUN && ready[me] == 0 && ALL_RIGHT &&
        (prepared[me] != DIGEST(me) || seen[me] != reopened) ->
        assert(published[me] == base); /* what is not asked again comes from the run's base */
        prepared[me] = DIGEST(me);
        seen[me] = reopened }
    :: atomic { IN_RUN && lease[me] && prepared[me] != 0 && prepared[me] != ready[me] &&
        SEEN_HOLDS -> ask(READY, the_run, me, prepared[me], seen[me]) }
    :: atomic { up[me] && the_run != 0 && wish != PAUSED && ALL_AGREE && ENOUGH ->
        ask(DECIDE, the_run, wish, READY_DIGEST, READY_BITS) }
    :: atomic { up[me] && MOST_OUT -> ask(END, the_run, 0, 0, 0) }
    /* Only a peer that computes wrongly may be the reason of two digests. */
    :: d_step { the_run != 0 && !ALL_AGREE -> assert(false) }
    :: d_step { up[me] && DECIDED_OURS && next[me] == 0 && published[me] != prepared[me] ->
        next[me] = prepared[me] }
    :: d_step { up[me] && joined[me] == 0 && next[me] == 0 && RUN_OF(published[me]) < current &&
        IS_SERVED -> next[me] = current_digest }
    :: d_step { up[me] && next[me] != 0 ->
        assert(decided[RUN_OF(next[me])] == next[me]);       /* nothing undecided */
        assert(RUN_OF(next[me]) > RUN_OF(published[me]));    /* in the order of decisions */
        published[me] = next[me];
        next[me] = 0;
        leave() }

    /* faults */
    :: d_step { lease[me] && (!up[me] || leases < LEASES) ->
        leases = leases + up[me];
        lease[me] = 0;
        ready[me] = 0;
        drop_claims() }
    :: d_step { up[me] && !lease[me] -> lease[me] = 1 }
    :: d_step { up[me] && crashes < CRASHES ->
        crashes++;
        up[me] = 0;
        next[me] = 0;
        seen[me] = UNKNOWN;
        for (i : 0 .. SHARES - 1) {
            if
            :: has[me].share[i] == ASKING -> has[me].share[i] = 0
            :: else
            fi
        }
        i = 0 }
    :: d_step { !up[me] && !gone[me] && gones < GONE ->
        gones++;
        gone[me] = 1 }
    :: d_step { !up[me] && !gone[me] && me < RUNNING -> up[me] = 1 }
    od
}

proctype network()
{
end:
    do
    :: d_step { late.kind != NOTHING -> commit(late) }
    :: d_step { late.kind != NOTHING -> forget(late) }
    od
}

/* When nobody can do anything more, everything asked for is done and all peers serve the same. */
#define AT_REST(q) \
    (q >= RUNNING || gone[q] || (up[q] && published[q] == current_digest && joined[q] == 0))
proctype quiet()
{
    timeout ->
    d_step {
        assert(the_run == 0 && runs == RUNS);
        assert(AT_REST(0) && AT_REST(1) && AT_REST(2));
    }
    /* Nothing is left to do, for anybody. */
}

init {
    d_step {
        for (i : 0 .. PEERS - 1) {
            seen[i] = UNKNOWN;
            up[i] = (i < RUNNING);
            lease[i] = (i < RUNNING);
        }
        i = 0;
    }
    atomic {
        for (i : 0 .. RUNNING - 1) {
            run peer(i)
        }
        i = 0;
        run network();
        run quiet()
    }
}
