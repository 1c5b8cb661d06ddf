/* Small helpers around the document. Nothing here takes HTML from a string: texts stay texts. */

const SVG = "http://www.w3.org/2000/svg";

function byId(id) {
    return document.getElementById(id);
}

/* setText: touches the document only when something changes, so that screen readers and the
 * selection are left in peace. */
function setText(element, text) {
    if (element.textContent !== text) element.textContent = text;
}

/* setAttributes: null removes. */
function setAttributes(element, attributes) {
    for (const [name, value] of Object.entries(attributes)) {
        if (value === null) element.removeAttribute(name);
        else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
    }
}

/* make: an HTML element with attributes and children (elements or texts). */
function make(name, attributes = {}, ...children) {
    const element = document.createElement(name);
    setAttributes(element, attributes);
    element.append(...children);
    return element;
}

function makeSvg(name, attributes = {}, ...children) {
    const element = document.createElementNS(SVG, name);
    setAttributes(element, attributes);
    element.append(...children);
    return element;
}

/* show: the attribute, because SVG elements have no property for it. */
function show(element, shown) {
    setAttributes(element, { hidden: shown ? null : "" });
}

/* fillPairs: a list of [term, value] becomes the rows of a dl. */
function fillPairs(list, pairs) {
    const wanted = pairs.map(([term]) => term).join("\n");
    if (list.dataset.terms !== wanted) {
        list.dataset.terms = wanted;
        list.replaceChildren(...pairs.flatMap(([term]) => [make("dt", {}, term), make("dd")]));
    }
    const values = list.querySelectorAll("dd");
    pairs.forEach(([, value], index) => setText(values[index], value));
}

/* remembered: a choice that outlives the page where the browser allows it. */
function remember(name, value) {
    try {
        localStorage.setItem(name, value);
    } catch {
        /* private windows may refuse; the choice lasts as long as the page */
    }
}

function remembered(name) {
    try {
        return localStorage.getItem(name);
    } catch {
        return null;
    }
}
