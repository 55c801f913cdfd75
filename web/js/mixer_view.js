// What the Guidance Mixer looks like: triangle, strength rail, weights over the clip. It draws a state, and no more.

import { interpolator, LIMIT, overTime, pointOf, reachable } from "./balance.js";
import { element, svg, text } from "./page.js";
import { UNKNOWN } from "./upstream.js";

export const SIGNALS = ["audio", "identity", "reference"];
const ALWAYS = () => 1;
const CLIP = [240, 60]; // the drawing's units: the clip's length, and weights 0..LIMIT

const percent = (share) => `${(100 * share).toFixed(2)}%`;

/** The balance: a field with a corner for each signal, and the point to drag. */
export class Triangle {
  constructor() {
    this.field = element("div", { class: "neo-field" });
    this.point = element("div", { class: "neo-point", role: "slider", tabindex: "0" });
    this.labels = SIGNALS.map((name) => element("div", { class: `neo-corner neo-${name}` }));
    this.plane = element("div", { class: "neo-plane" }, outline(), this.field, this.point, ...this.labels);
    this.root = element("div", { class: "neo-triangle" }, this.plane);
  }

  draw({ weights, labels, fixed, balance, strength }) {
    const { x, y } = pointOf(balance);
    this.field.style.clipPath = `polygon(${reachable(strength).map(pointOf).map(corner).join()})`;
    this.root.classList.toggle("neo-fixed", fixed);
    Object.assign(this.point.style, { left: percent(x), top: percent(y) });
    const spoken = weights.map((weight, at) => `${labels[at]} ${weight.toFixed(2)}`);
    describe(this.point, text("guidance.balance"), spoken.join(", "), fixed);
    Object.assign(this.point, { ariaValueMin: "0", ariaValueMax: "1", ariaValueNow: balance[0].toFixed(2) });
    this.labels.forEach((label, at) => {
      label.replaceChildren(labels[at], element("b", {}, weights[at].toFixed(2)));
    });
  }
}

/** The mean of the three weights. */
export class Rail {
  constructor() {
    this.knob = element("div", { class: "neo-knob", role: "slider", tabindex: "0", "aria-orientation": "vertical" });
    this.level = element("div", { class: "neo-level" });
    this.track = element("div", { class: "neo-track" }, this.level, element("div", { class: "neo-tick" }), this.knob);
    this.name = element("div", { class: "neo-name" });
    this.value = element("b");
    this.root = element("div", { class: "neo-rail" }, this.name, this.track, this.value);
  }

  draw({ strength, fixed }) {
    const height = percent(strength / LIMIT);
    this.level.style.height = height;
    this.knob.style.bottom = height;
    this.root.classList.toggle("neo-fixed", fixed);
    this.name.textContent = text("guidance.strength");
    this.value.textContent = strength.toFixed(2);
    describe(this.knob, text("guidance.strengthOfAll"), strength.toFixed(2), fixed);
    Object.assign(this.knob, { ariaValueMin: "0", ariaValueMax: String(LIMIT), ariaValueNow: strength.toFixed(2) });
  }
}

/** The weights over the clip, neutral outside the span. */
export class Timeline {
  constructor() {
    this.span = svg("rect", { class: "neo-span", y: "0", height: CLIP[1] });
    this.paths = SIGNALS.map((name) => svg("path", { class: `neo-curve neo-${name}` }));
    const neutral = svg("path", { class: "neo-neutral", d: path([[0, 1], [1, 1]]) });
    const box = { viewBox: `0 0 ${CLIP.join(" ")}`, preserveAspectRatio: "none", role: "img" };
    this.drawing = svg("svg", box, this.span, neutral, ...[...this.paths].reverse());
    this.name = element("span");
    const marks = [LIMIT, 1, 0].map((weight) => {
      return element("i", { style: `top: ${percent(1 - weight / LIMIT)}` }, String(weight));
    });
    const scale = element("div", { class: "neo-scale" }, ...marks);
    const foot = element("div", { class: "neo-foot" }, element("i", {}, "0 %"), this.name, element("i", {}, "100 %"));
    this.root = element("div", { class: "neo-timeline" }, scale, this.drawing, foot);
  }

  draw({ weights, curves, span: [start, end] }) {
    this.span.setAttribute("x", start * CLIP[0]);
    this.span.setAttribute("width", Math.max(0, end - start) * CLIP[0]);
    this.name.textContent = text("guidance.overTime");
    this.drawing.ariaLabel = text("guidance.overTime");
    this.paths.forEach((line, at) => {
      const known = curves[at] !== UNKNOWN && curves[at] !== null;
      const curve = known ? interpolator(curves[at]) : ALWAYS;
      line.setAttribute("d", path(overTime(weights[at], curve, start, end)));
      line.classList.toggle("neo-unknown", curves[at] === UNKNOWN);
    });
  }
}

const corner = ({ x, y }) => `${percent(x)} ${percent(y)}`;

const place = ([moment, weight]) => [moment * CLIP[0], (1 - weight / LIMIT) * CLIP[1]].map((value) => value.toFixed(2));
const path = (points) => `M${points.map(place).join("L")}`;

/** The triangle itself and, thin, the lines on which two signals are equal. */
function outline() {
  const lines = ["M50 0L50 86.6", "M0 86.6L75 43.3", "M100 86.6L25 43.3"];
  const medians = lines.map((d) => svg("path", { class: "neo-median", d }));
  const edge = svg("path", { class: "neo-edge", d: "M50 0L100 86.6L0 86.6Z" });
  return svg("svg", { viewBox: "0 0 100 86.6", "aria-hidden": "true" }, edge, ...medians);
}

function describe(handle, label, value, fixed) {
  Object.assign(handle, { ariaLabel: label, ariaValueText: value, ariaDisabled: String(fixed) });
}
