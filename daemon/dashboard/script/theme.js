/* Light or dark: as the system says until somebody chooses. */

const systemDark = matchMedia("(prefers-color-scheme: dark)");

function themeInForce() {
    return document.documentElement.dataset.theme ?? (systemDark.matches ? "dark" : "light");
}

function showTheme() {
    const other = themeInForce() === "dark" ? "light" : "dark";
    setText(byId("theme"), other === "dark" ? "Dark" : "Light");
    setAttributes(byId("theme"), { "aria-label": `Switch to ${other} colours` });
}

function startTheme() {
    const chosen = remembered("theme");
    if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
    byId("theme").addEventListener("click", () => {
        const next = themeInForce() === "dark" ? "light" : "dark";
        document.documentElement.dataset.theme = next;
        remember("theme", next);
        showTheme();
    });
    systemDark.addEventListener("change", showTheme);
    showTheme();
}
