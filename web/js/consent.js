// The consent dialog: when the Consent node finds no record for a picture, it asks for the statement a record needs.
// What is stated goes to the user's own folder through ComfyUI's user data, as a request that the Consent node checks,
// signs and deletes when it runs next. Nothing of it is written to a node, a workflow or a video. The request repeats the
// question of the refusal it answers: the node believes no other.

import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";
import { element, text, textsLoaded } from "./page.js";

const NODE = "NEO_Consent";
const KINDS = ["self", "authorised", "synthetic", "artwork"];
const SCOPES = ["talking-head", "reenactment", "full-body"];
const NEEDED = "talking-head"; // what a Consent node asks for unless it says another use: a record without it helps nobody
const BOTH = { reenactment: [NEEDED, "reenactment"] }; // a use that is a special case of another needs both
let refused = null; // what the Consent node said last: {portrait, question, use, commands, objection}
let answer = null; // what was stated last, to be put right if the Consent node objects to it

app.registerExtension({
  name: "NEO.Consent",
  async setup() {
    api.addEventListener("execution_error", ({ detail }) => onError(detail));
    await textsLoaded;
  },
  nodeCreated(node) {
    if (node.comfyClass !== NODE) return;
    const button = node.addWidget("button", "give_consent", null, ask, { serialize: false });
    button.label = text("consent.button");
    button.serialize = false;
  },
});

function onError({ node_type: type, exception_type: exception = "", exception_message: message = "" }) {
  const portrait = message.match(/\bportrait ([0-9a-f]{16})\b/)?.[1];
  if (type !== NODE || !portrait) return;
  const question = message.match(/\bquestion ([0-9a-f]{32})\b/)?.[1];
  const use = SCOPES.find((scope) => scope === message.match(/\buse ([a-z-]+)\)/)?.[1]) ?? NEEDED;
  const commands = [...message.matchAll(/^ {2}(.* consent (?:list|revoke ID))$/gm)].map((line) => line[1]);
  const objection = exception.endsWith("ConsentRequired") ? "" : message.split("\n", 1)[0];
  refused = { portrait, question, use, commands, objection };
  ask();
}

function ask() {
  if (document.querySelector("dialog.neo-consent")) return;
  if (refused?.question) open(refused);
  else if (refused) toast("info", text("consent.byCommand")); // with several users the node asks nobody
  else toast("info", text("consent.runFirst"));
}

function toast(severity, detail) {
  app.extensionManager.toast.add({ severity, summary: text("consent.title"), detail, life: 8000 });
}

function open(refusal) {
  const questions = [intro(refusal.portrait), who(), details(), objection(refusal), use(refusal.use), adult()];
  const form = element("form", {}, header(), ...questions, later(refusal.commands), problem(), footer());
  const dialog = element("dialog", { class: "neo-consent", "aria-labelledby": "neo-consent-title" }, form);
  form.addEventListener("change", ({ target }) => {
    if (target.name !== "kind") return;
    form.elements.adult.checked = false; // it was the answer to another question
    askAbout(form);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(dialog, form, refusal, event.submitter.value);
  });
  for (const button of form.querySelectorAll("[data-close]")) button.addEventListener("click", () => dialog.close());
  form.querySelector("[data-forget]").addEventListener("click", () => forget(refusal));
  dialog.addEventListener("keydown", (event) => event.stopPropagation()); // what is typed is no shortcut of the canvas
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  if (refusal.objection && answer?.portrait === refusal.portrait) fillIn(form, answer);
  askAbout(form);
  dialog.showModal();
  if (refusal.objection) form.elements.name.select();
}

/** Cancelled: the picture of somebody who has not consented is not kept. Put aside (Escape, the cross), it is. */
function forget({ portrait }) {
  refused = null;
  answer = null;
  return api.deleteUserData(pictureFile(portrait));
}

const pictureFile = (portrait) => `neo/portraits/${portrait}.png`;

async function submit(dialog, form, refusal, next) {
  answer = statement(form, refusal);
  try {
    await api.storeUserData(`neo/consent_requests/${refusal.portrait}_${refusal.use}.json`, answer);
  } catch (error) {
    form.querySelector(".neo-problem").textContent = text("consent.notStored", { reason: error.message });
    return;
  }
  refused = null;
  dialog.close();
  if (next === "run") app.extensionManager.command.execute("Comfy.QueuePrompt");
  else toast("success", text("consent.stored"));
}

/** The request as the Consent node reads it. */
function statement(form, { portrait, question }) {
  const { kind, name, expires, adult, scope } = form.elements;
  return {
    portrait,
    question,
    kind: kind.value,
    name: name.value.trim(),
    adult: adult.checked,
    scope: [...scope].filter((box) => box.checked).map((box) => box.value),
    expires: expires.value || null,
  };
}

function fillIn({ elements }, { kind, name, expires, adult, scope }) {
  elements.kind.value = kind;
  elements.name.value = name;
  elements.expires.value = expires ?? "";
  elements.adult.checked = adult;
  // The use that was asked for is ticked and locked: it stays so, whatever was answered before.
  for (const box of elements.scope) box.checked = box.disabled || scope.includes(box.value);
}

// ---- the parts of the dialog, from top to bottom

function header() {
  const close = element("button", { type: "button", "data-close": "", "aria-label": text("consent.close") }, "✕");
  return element("header", {}, element("h2", { id: "neo-consent-title" }, text("consent.title")), close);
}

function intro(portrait) {
  const picture = element("img", { alt: text("consent.picture"), hidden: "" });
  showPicture(picture, portrait);
  return element("div", { class: "neo-intro" }, picture, element("p", {}, text("consent.explanation")));
}

/** The picture as the Consent node kept it in the user's folder: what the statement is about, to the pixel. */
async function showPicture(picture, portrait) {
  const response = await api.getUserData(pictureFile(portrait));
  if (!response.ok) return;
  picture.src = URL.createObjectURL(await response.blob());
  picture.hidden = false;
  picture.addEventListener("load", () => URL.revokeObjectURL(picture.src));
}

/** How records are seen and ended later, with the commands of the machine that runs ComfyUI. */
function later(commands) {
  const lines = commands.map((command) => element("code", {}, command));
  return element("details", {}, element("summary", {}, text("consent.later")), ...lines);
}

function who() {
  const choices = KINDS.map((kind) => choice("radio", "kind", kind, text(`consent.kind.${kind}`), { required: "" }));
  choices[0].control.autofocus = true;
  return element("fieldset", {}, element("legend", {}, text("consent.who")), ...choices);
}

function details() {
  const rules = { required: "", pattern: ".*\\S.*", maxlength: "200", autocomplete: "off" };
  const name = element("input", { name: "name", "aria-describedby": "neo-consent-objection", ...rules });
  const today = new Date().toISOString().slice(0, 10);
  const expires = element("input", { name: "expires", type: "date", min: today });
  const until = element("span", {}, text("consent.expires"), " ", element("small", {}, text("consent.noEnd")));
  const whose = element("span", { class: "neo-whose" });
  return element("div", { class: "neo-pair" }, element("label", {}, whose, name), element("label", {}, until, expires));
}

/** Why the Consent node made no record of the last answer. */
const objection = (refusal) => {
  return element("p", { class: "neo-objection", id: "neo-consent-objection", role: "alert" }, refusal.objection);
};

/** What is asked about the person depends on who it is. */
function askAbout(form) {
  const kind = form.elements.kind.value || "person";
  form.querySelector(".neo-whose").textContent = text(`consent.name.${kind}`);
  form.querySelector(".neo-age").textContent = text(`consent.adult.${kind}`);
}

function use(asked) {
  const needed = { checked: "", disabled: "" };
  const all = BOTH[asked] ?? [asked];
  const choices = SCOPES.map((scope) => {
    return choice("checkbox", "scope", scope, text(`consent.scope.${scope}`), all.includes(scope) ? needed : {});
  });
  const row = element("div", { class: "neo-row" }, ...choices);
  return element("fieldset", {}, element("legend", {}, text("consent.use")), row);
}

const adult = () => choice("checkbox", "adult", "yes", element("span", { class: "neo-age" }), { required: "" });

const problem = () => element("p", { class: "neo-problem", role: "alert" });

function footer() {
  const forgets = { type: "button", "data-close": "", "data-forget": "", title: text("consent.cancelForgets") };
  const cancel = element("button", forgets, text("consent.cancel"));
  const save = element("button", { value: "save" }, text("consent.save"));
  const run = element("button", { value: "run", class: "neo-primary" }, text("consent.saveAndRun"));
  return element("footer", {}, cancel, save, run);
}

function choice(type, name, value, label, attributes) {
  return element("label", { class: "neo-choice" }, element("input", { type, name, value, ...attributes }), label);
}
