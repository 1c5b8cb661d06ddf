/* Figures as people read them. "–" stands for what is not known. */

const UNKNOWN = "–";
const wholeNumber = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const shortNumber = new Intl.NumberFormat("en", {
    notation: "compact",
    maximumSignificantDigits: 3,
});
const dateTime = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const dateOnly = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });
const clockTime = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const clockSeconds = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

const DAY = 86400;

function formatCount(value) {
    return wholeNumber.format(value);
}

/* formatRate: three digits at least, no decimals where they say nothing. */
function formatRate(value) {
    if (value >= 1e5) return shortNumber.format(value);
    return value >= 100 || value === 0 ? wholeNumber.format(value) : value.toFixed(1);
}

function formatBytes(value) {
    const units = ["B", "KB", "MB", "GB", "TB"];
    let unit = 0;
    while (value >= 1000 && unit < units.length - 1) {
        value /= 1024;
        unit++;
    }
    return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/* formatDuration: seconds as their two largest units. */
function formatDuration(seconds) {
    const parts = [
        [Math.floor(seconds / DAY), "d"],
        [Math.floor((seconds % DAY) / 3600), "h"],
        [Math.floor((seconds % 3600) / 60), "min"],
        [Math.floor(seconds % 60), "s"],
    ];
    const first = parts.findIndex(([value]) => value > 0);
    if (first < 0) return "0 s";
    return parts
        .slice(first, first + 2)
        .filter(([value]) => value > 0)
        .map(([value, unit]) => `${value} ${unit}`)
        .join(" ");
}

/* formatAge: seconds as one unit, as one speaks of ages. */
function formatAge(seconds) {
    const steps = [
        [60, 1, "second"],
        [3600, 60, "minute"],
        [2 * DAY, 3600, "hour"],
        [60 * DAY, DAY, "day"],
        [2 * 365.25 * DAY, 30.44 * DAY, "month"],
        [Infinity, 365.25 * DAY, "year"],
    ];
    const [, unit, name] = steps.find(([limit]) => seconds < limit);
    const value = Math.floor(Math.max(seconds, 0) / unit);
    return `${value} ${name}${value === 1 ? "" : "s"}`;
}

/* formatDistance: metres. */
function formatDistance(metres) {
    if (metres < 1000) return `${metres < 10 ? metres.toFixed(1) : Math.round(metres)} m`;
    return `${metres < 1e5 ? (metres / 1000).toFixed(1) : wholeNumber.format(metres / 1000)} km`;
}

/* formatPercent: never 100 before all is done, never 0 after something is. */
function formatPercent(share) {
    const percent = 100 * share;
    if (share >= 1) return "100%";
    if (percent > 0 && percent < 0.1) return "<0.1%";
    return `${Math.min(percent, 99.9).toFixed(1)}%`;
}

/* formatPoint: as a person writes it. */
function formatPoint(lat, lon) {
    const part = (value, plus, minus) =>
        `${Math.abs(value).toFixed(5)}° ${value < 0 ? minus : plus}`;
    return `${part(lat, "N", "S")}, ${part(lon, "E", "W")}`;
}

function formatDate(unix) {
    return dateOnly.format(unix * 1000);
}

function formatTime(unix) {
    return dateTime.format(unix * 1000);
}

function nowUnix() {
    return Date.now() / 1000;
}
