/* A browser that another program drives: one request a line on stdin, one reply a line on stdout.
 *
 *   node browser.mjs FOLDER CHROMIUM      FOLDER has node_modules with playwright-core
 *   > ["open", {"url": "http://127.0.0.1:8576/", "width": 1440, "height": 900, "scheme": "dark"}]
 *   < {"ok": null}
 *   > ["evaluate", "document.title"]
 *   < {"ok": "refreshd"}
 *   > ["click", "#theme"]                 a fault is {"error": ".."}
 *
 * Each page that is opened replaces the one before and has a browser context of its own. What the
 * page must not do is collected: see "problems". Ends with its input. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [folder, chromium] = process.argv.slice(2);
const packages = createRequire(`${folder}/`);
const playwright = packages("playwright-core");

const TIMEOUT = 20000; /* milliseconds */

let page = null;
let problems = null;

const browser = await playwright.chromium.launch({
    executablePath: chromium,
    args: process.getuid() === 0 ? ["--no-sandbox"] : [],
});

/* watch: what goes wrong on the page, and what it asks of others. */
async function watch(origin) {
    problems = { console: [], errors: [], violations: [], foreign: [] };
    page.on("console", (message) => {
        if (message.type() === "error" || message.type() === "warning")
            problems.console.push(message.text());
    });
    page.on("pageerror", (error) => problems.errors.push(String(error.stack)));
    page.on("request", (request) => {
        const url = new URL(request.url());
        if (url.origin !== origin && url.protocol !== "data:") problems.foreign.push(request.url());
    });
    await page.exposeFunction("reportViolation", (text) => problems.violations.push(text));
    await page.addInitScript(() =>
        addEventListener("securitypolicyviolation", (event) =>
            window.reportViolation(`${event.violatedDirective}: ${event.blockedURI}`),
        ),
    );
}

const commands = {
    /* fakes: {path: document}, which are answered without the server. */
    async open({ url, width, height, scheme, touch = false, fakes = {} }) {
        await page?.context().close();
        const context = await browser.newContext({
            viewport: { width, height },
            colorScheme: scheme,
            hasTouch: touch,
        });
        page = await context.newPage();
        page.setDefaultTimeout(TIMEOUT);
        await watch(new URL(url).origin);
        for (const [path, json] of Object.entries(fakes))
            await page.route(new URL(path, url).href, (route) => route.fulfill({ json }));
        const reply = await page.goto(url);
        return { status: reply.status(), headers: reply.headers() };
    },
    evaluate: (expression) => page.evaluate(expression),
    reload: () => page.reload().then(() => null),
    click: (selector, options) => page.click(selector, options),
    tap: (selector) => page.tap(selector),
    hover: (selector) => page.hover(selector),
    fill: (selector, text) => page.fill(selector, text),
    press: (key) => page.keyboard.press(key),
    focus: (selector) => page.focus(selector),
    screenshot: (path) => page.screenshot({ path, fullPage: true }).then(() => null),
    problems: () => problems,
    /* accessibility: what the rules of axe-core find wrong, a line each. */
    async accessibility() {
        await page.evaluate(`${readFileSync(packages.resolve("axe-core/axe.min.js"), "utf8")};0`);
        const found = await page.evaluate("axe.run()");
        return found.violations.flatMap(({ id, nodes }) =>
            nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
        );
    },
};

async function answer(line) {
    try {
        const [name, ...values] = JSON.parse(line);
        return { ok: (await commands[name](...values)) ?? null };
    } catch (error) {
        return { error: String(error.message ?? error) };
    }
}

for await (const line of createInterface({ input: process.stdin }))
    process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
await browser.close();
