// Edit Expression draws while its sliders move: with `live` on, a change of them runs the Preview Image nodes that
// follow, and of all others only what these need and is not there yet. No video is written. While anything runs, the
// newest change waits: a slider that is dragged asks for as many pictures as can be drawn.

import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";

const NODE = "NEO_EditExpression";
const SWITCH = "live";
const TYPED = ["keyframes", "amplitudes"]; // text, which means nothing until it is complete
const SHOWN_BY = "PreviewImage";
const PAUSE = 60; // milliseconds from a change until it is drawn, for those that come together
const FRONT = -1; // of the queue
const changed = new Set(); // nodes
let timer = 0;
let busy = false;

app.registerExtension({
  name: "NEO.LivePreview",
  setup() {
    api.addEventListener("status", ({ detail }) => onQueue(detail?.exec_info?.queue_remaining ?? 0));
  },
  nodeCreated(node) {
    if (node.comfyClass !== NODE) return;
    for (const widget of node.widgets.filter(({ name }) => !TYPED.includes(name))) listen(node, widget);
  },
});

/** Dragging, keys and menus all end here, in both renderers. */
function listen(node, widget) {
  const { callback } = widget;
  widget.callback = function (...rest) {
    const answer = callback?.apply(this, rest);
    changed.add(node);
    soon();
    return answer;
  };
}

function soon() {
  timer ||= setTimeout(draw, PAUSE);
}

function onQueue(remaining) {
  busy = remaining > 0;
  if (!busy && changed.size) soon();
}

function draw() {
  timer = 0;
  if (busy) return;
  const live = [...changed].filter((node) => node.widgets.find(({ name }) => name === SWITCH)?.value === true);
  changed.clear();
  const shown = new Set(live.filter(({ graph }) => graph === (app.rootGraph ?? app.graph)).flatMap(shownBehind));
  if (!shown.size) return;
  busy = true; // until the host says how long its queue is
  app.queuePrompt(FRONT, 1, [...shown]).then(
    (accepted) => (busy &&= accepted !== false),
    () => (busy = false),
  );
}

/** The ids, as a prompt has them, of the Preview Image nodes that a node leads to. */
function shownBehind(node) {
  const found = new Set([node]);
  for (const { outputs, graph } of found) {
    for (const id of (outputs ?? []).flatMap(({ links }) => links ?? [])) {
      const target = graph.getNodeById(graph.getLink(id)?.target_id);
      if (target) found.add(target);
    }
  }
  return [...found].filter(({ type }) => type === SHOWN_BY).map(({ id }) => String(id));
}
