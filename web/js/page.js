// What our widgets share of the page: texts in the user's language, elements, the style sheet.

import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";

const SVG = "http://www.w3.org/2000/svg";
let languages = {};

/** Settled once the texts of all languages (`locales/<language>/main.json`, key "neo") have come from the host. */
export const textsLoaded = api.getCustomNodesI18n().then((loaded) => (languages = loaded));

export const language = () => app.extensionManager.setting.get("Comfy.Locale");

/** The text under a dotted key in the user's language, else in English; `{name}` is replaced by `values.name`. */
export function text(key, values = {}) {
  const find = (code) => ["neo", ...key.split(".")].reduce((branch, part) => branch?.[part], languages[code]);
  const found = find(language()) ?? find("en") ?? key;
  return found.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** An HTML element; children are elements or strings, and a string always becomes text, never markup. */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

document.head.append(element("link", { rel: "stylesheet", href: new URL("../css/neo.css", import.meta.url).href }));
