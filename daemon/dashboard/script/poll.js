/* Polling that is polite: slower while the page is hidden, backing off while the daemon is away,
 * back at once when either is over. */

const POLL_TIMEOUT = 8000; /* milliseconds */
const POLL_HIDDEN = 30000;
const POLL_LONGEST = 5000; /* between tries while the daemon is away */

/* fetchJson: the document at path. Throws when there is none in time. */
async function fetchJson(path) {
    const reply = await fetch(path, { signal: AbortSignal.timeout(POLL_TIMEOUT) });
    if (!reply.ok) throw new Error(`${path} answers ${reply.status}`);
    return reply.json();
}

/* waitFor: so many milliseconds, less when wake() of the returned object is called. */
function makePause() {
    let wake = () => {};
    return {
        wake: () => wake(),
        wait: (milliseconds) =>
            new Promise((resolve) => {
                const timer = setTimeout(resolve, milliseconds);
                wake = () => {
                    clearTimeout(timer);
                    resolve();
                };
            }),
    };
}

/* poll: ask every `interval` milliseconds for ever. onAnswer gets each document; onLost the number
 * of failures in a row. A fault in onAnswer is a fault of the page, not of the daemon: it is
 * reported and polling goes on. */
async function poll(path, interval, onAnswer, onLost) {
    const pause = makePause();
    let failures = 0;
    document.addEventListener("visibilitychange", () => document.hidden || pause.wake());
    addEventListener("online", pause.wake);
    for (;;) {
        let answer;
        try {
            answer = await fetchJson(path);
            failures = 0;
        } catch {
            onLost(++failures);
        }
        if (answer !== undefined) await Promise.resolve(answer).then(onAnswer).catch(reportError);
        if (document.hidden) await pause.wait(POLL_HIDDEN);
        else
            await pause.wait(
                Math.min(interval * 2 ** Math.min(failures, 4), Math.max(interval, POLL_LONGEST)),
            );
    }
}
