// The Guidance Mixer's widget: a balance triangle linked both ways with the three sliders, and their curves over time.
// It keeps no value of its own: it reads and writes the node's ordinary widgets, so a shared file or prompt has it all.

import { app } from "../../../scripts/app.js";
import { balanceAt, balanceOf, LIMIT, NEUTRAL, reachOf, STEP, strengthOf, weightsOf, within } from "./balance.js";
import { Rail, SIGNALS, Timeline, Triangle } from "./mixer_view.js";
import { element, language, text, textsLoaded } from "./page.js";
import { curveOf, isLinked, numberOf, UNKNOWN } from "./upstream.js";

const HEIGHT = 350; // of the widget
const WIDTH = 320; // of a new node
const MOVES = {
  ArrowLeft: [0, 1, -1],
  ArrowRight: [0, -1, 1],
  ArrowUp: [2, -1, -1],
  ArrowDown: [-2, 1, 1],
  PageUp: [10, -5, -5],
  PageDown: [-10, 5, 5],
};
const STEPS = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 5, PageDown: -5 };
const mixers = new Set();
let looking = 0; // the frame asked for, 0 while no mixer is there

app.registerExtension({
  name: "NEO.GuidanceMixer",
  nodeCreated(node) {
    if (node.comfyClass === "NEO_GuidanceMixer") addMixer(node);
  },
});

/** Values change by typing, undo, loading, links and scripts, and no one event tells of all of them: so look. */
function lookEachFrame() {
  looking = mixers.size ? requestAnimationFrame(lookEachFrame) : 0;
  for (const mixer of mixers) mixer.look();
}

function addMixer(node) {
  const mixer = new Mixer(node);
  const options = { serialize: false, hideOnZoom: false, getMinHeight: () => HEIGHT };
  node.addDOMWidget("balance", "neo_balance", mixer.root, options).serialize = false;
  node.setSize([Math.max(node.size[0], WIDTH), node.computeSize()[1]]);
  mixers.add(mixer);
  textsLoaded.then(() => (looking ||= requestAnimationFrame(lookEachFrame)));
  const { onRemoved } = node;
  node.onRemoved = function (...rest) {
    mixers.delete(mixer);
    return onRemoved?.apply(this, rest);
  };
}

class Mixer {
  constructor(node) {
    this.node = node;
    this.wish = { balance: balanceOf(NEUTRAL), strength: 1, weights: NEUTRAL };
    this.triangle = new Triangle();
    this.rail = new Rail();
    this.timeline = new Timeline();
    const board = element("div", { class: "neo-board" }, this.triangle.root, this.rail.root);
    this.root = element("div", { class: "neo-guidance", role: "group" }, board, this.timeline.root);
    this.listen();
  }

  look() {
    const state = this.read();
    const seen = JSON.stringify(state, (_, value) => (value === UNKNOWN ? "unknown" : value));
    if (seen === this.seen) return;
    this.seen = seen;
    this.root.ariaLabel = text("guidance.title");
    for (const part of [this.triangle, this.rail, this.timeline]) part.draw(state);
  }

  /** Everything that is drawn. */
  read() {
    const numbers = SIGNALS.map((name) => numberOf(this.node, name));
    const weights = numbers.map((number) => (number === UNKNOWN ? 1 : Math.min(Math.max(number, 0), LIMIT)));
    return {
      weights,
      ...this.wished(weights),
      fixed: this.fixed(),
      labels: SIGNALS.map((name) => String(this.slider(name).label ?? name)),
      curves: SIGNALS.map((name, at) => (numbers[at] === UNKNOWN ? UNKNOWN : curveOf(this.node, `${name}_curve`))),
      span: [this.share("start_percent", 0), this.share("end_percent", 1)],
      language: language(),
    };
  }

  slider(name) {
    return this.node.widgets.find((widget) => widget.name === name);
  }

  share(name, unknown) {
    const number = numberOf(this.node, name);
    return number === UNKNOWN ? unknown : Math.min(Math.max(number / 100, 0), 1);
  }

  /** A slider that takes its value from a link is not ours to move. */
  fixed() {
    return SIGNALS.some((name) => isLinked(this.node, name));
  }

  /** Balance and strength behind the weights; as wished for, so that the steps of the sliders add up to no drift. */
  wished(weights) {
    if (weights.some((weight, at) => weight !== this.wish.weights[at])) {
      this.wish = { balance: balanceOf(weights), strength: strengthOf(weights), weights };
    }
    return { balance: this.wish.balance, strength: this.wish.strength };
  }

  move(balance, strength) {
    if (this.fixed()) return;
    const nearest = within(balance, strength);
    const weights = weightsOf(nearest, strength);
    this.wish = { balance: nearest, strength, weights };
    SIGNALS.forEach((name, at) => this.write(this.slider(name), weights[at]));
    app.canvas.setDirty(true, true);
    this.look();
  }

  write(slider, weight) {
    if (slider.value === weight) return;
    slider.value = weight;
    slider.callback?.(weight, app.canvas, this.node);
  }

  moveBy(parts, times) {
    const { balance, strength } = this.wish;
    const moved = balance.map((part, at) => part * 3 * strength + parts[at] * times * STEP);
    this.move(strength > 0 ? moved.map((weight) => weight / (3 * strength)) : balance, strength);
  }

  /** Stronger or weaker with the balance kept: it ends where the first slider does. */
  strengthen(strength) {
    const { balance } = this.wish;
    const stepped = Math.round(strength / STEP) * STEP;
    this.move(balance, Math.min(Math.max(stepped, 0), reachOf(balance), LIMIT));
  }

  reset() {
    this.move(balanceOf(NEUTRAL), 1);
  }

  listen() {
    const { triangle, rail, root } = this;
    dragging(triangle.plane, triangle.point, (x, y) => this.move(balanceAt({ x, y }), this.wish.strength));
    dragging(rail.track, rail.knob, (_, y) => this.strengthen((1 - y) * LIMIT));
    triangle.plane.addEventListener("dblclick", () => this.reset());
    keys(triangle.point, MOVES, (parts, times) => this.moveBy(parts, times), { Home: () => this.reset() });
    const stronger = (steps, times) => this.strengthen(this.wish.strength + steps * times * STEP);
    keys(rail.knob, STEPS, stronger, { Home: () => this.strengthen(0), End: () => this.strengthen(LIMIT) });
    forwardToCanvas(root);
  }
}

/** Call `moved` with the pointer's place in the area, as shares of its box, while the left button is down. */
function dragging(area, handle, moved) {
  const follow = (event) => {
    const box = area.getBoundingClientRect(); // as on the screen: holds for every zoom of the canvas
    moved((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  };
  area.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    area.setPointerCapture(event.pointerId);
    handle.focus({ preventScroll: true });
    follow(event);
    area.addEventListener("pointermove", follow);
  });
  area.addEventListener("lostpointercapture", () => area.removeEventListener("pointermove", follow));
}

/** Keys that move (Shift: further) or jump. Other keys end here too: in the canvas below, Delete would delete the node.
 * Only Tab and what is held with Ctrl, Alt or Cmd stays the page's, so that undo, save and run work from here. */
function keys(handle, moves, move, jumps) {
  const ours = ({ key }) => key in moves || key in jumps;
  handle.addEventListener("keydown", (event) => {
    if (event.key === "Tab" || event.ctrlKey || event.altKey || event.metaKey) return;
    event.stopPropagation();
    if (!ours(event)) return;
    event.preventDefault();
    if (event.key in jumps) jumps[event.key]();
    else move(moves[event.key], event.shiftKey ? 5 : 1);
  });
  handle.addEventListener("keyup", (event) => ours(event) && noteForUndo());
}

/** The host notes the graph by itself when a mouse button is let go, but not after keys outside of text fields. */
function noteForUndo() {
  app.canvas.emitBeforeChange();
  app.canvas.emitAfterChange();
}

/** In the LiteGraph renderer a widget lies above the canvas and takes the wheel that zooms and the button that pans. */
function forwardToCanvas(root) {
  const above = () => root.closest(".dom-widget");
  root.addEventListener("wheel", (event) => {
    if (!above()) return;
    event.preventDefault();
    app.canvas.processMouseWheel(event);
  });
  const pan = { pointerdown: "processMouseDown", pointermove: "processMouseMove", pointerup: "processMouseUp" };
  for (const [type, handler] of Object.entries(pan)) {
    root.addEventListener(type, (event) => {
      if (above() && (event.button === 1 || event.buttons & 4)) app.canvas[handler](event);
    });
  }
}
