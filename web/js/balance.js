// The mathematics of the Guidance Mixer's widget: pure functions, nothing of the page or of ComfyUI.
//
// Three weights are the same thing as a balance (which share of their sum each one has: a point of a triangle) and a
// strength (their mean). Weights lie on the sliders' own grid and keep their sum exactly, so that moving the point
// never changes the strength. Order everywhere: audio, identity, reference.

export const STEP = 0.05;
export const LIMIT = 3;
export const NEUTRAL = [1, 1, 1];
const CENTRE = [1 / 3, 1 / 3, 1 / 3];
const UNITS = Math.round(1 / STEP);

const sum = (values) => values.reduce((total, value) => total + value, 0);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** The mean of the weights, 0..LIMIT. */
export const strengthOf = (weights) => sum(weights) / 3;

/** Each weight's share of the sum; a third each when all weights are 0. */
export function balanceOf(weights) {
  const total = sum(weights);
  return total > 0 ? weights.map((weight) => weight / total) : [...CENTRE];
}

/** Where a balance lies in the triangle's box, x and y in 0..1: audio on top, identity left, reference right. */
export const pointOf = ([audio, , reference]) => ({ x: reference + audio / 2, y: 1 - audio });

/** The inverse of `pointOf`; shares are negative outside the triangle. */
export function balanceAt({ x, y }) {
  const audio = 1 - y;
  const reference = x - audio / 2;
  return [audio, 1 - audio - reference, reference];
}

/** The balance nearest to this one whose weights all lie in 0..LIMIT at this strength; shares may be negative. */
export function within(balance, strength) {
  const total = 3 * strength;
  if (total <= 0) return nearest(balance, 1, 1);
  return nearest(balance.map((part) => part * total), total, LIMIT).map((weight) => weight / total);
}

/** The weights of a balance within reach, on the sliders' grid; they add up to the strength times three. */
export function weightsOf(balance, strength) {
  const total = clamp(Math.round(strength * 3 * UNITS), 0, 3 * LIMIT * UNITS);
  const units = nearest(balance.map((part) => part * total), total, LIMIT * UNITS);
  return share(units, total).map((count) => count / UNITS);
}

/** The greatest strength at which a balance is still exact: there the first slider reaches its end. */
export const reachOf = (balance) => LIMIT / (3 * Math.max(...balance));

/** The balances within reach of a strength as a polygon: the triangle, its corners cut where a slider ends. */
export function reachable(strength) {
  const cap = strength > 0 ? LIMIT / (3 * strength) : Infinity;
  let corners = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
  for (const signal of [0, 1, 2]) {
    corners = corners.flatMap((corner, at) => cut(corner, corners[(at + 1) % corners.length], signal, cap));
  }
  return corners;
}

/** The corner if it survives, and where the edge to the next corner crosses the limit of one signal. */
function cut(corner, next, signal, cap) {
  const here = corner[signal] - cap;
  const there = next[signal] - cap;
  const kept = here <= 1e-9 ? [corner] : [];
  if (here * there >= 0) return kept;
  const along = here / (here - there);
  return [...kept, corner.map((value, axis) => value + along * (next[axis] - value))];
}

/** The point nearest to `target` whose parts lie in 0..cap and add up to `total`. */
function nearest(target, total, cap) {
  let [low, high] = [Math.min(...target) - cap, Math.max(...target)];
  for (let round = 0; round < 60; round++) {
    const middle = (low + high) / 2;
    if (sum(target.map((value) => clamp(value - middle, 0, cap))) > total) low = middle;
    else high = middle;
  }
  return target.map((value) => clamp(value - high, 0, cap));
}

/** Whole numbers that add up to `total`, each next to its value: the largest remainders are rounded up. */
function share(values, total) {
  const whole = values.map((value) => Math.floor(value + 1e-6));
  const order = [0, 1, 2].sort((a, b) => values[b] - whole[b] - (values[a] - whole[a]));
  for (const at of order.slice(0, total - sum(whole))) whole[at] += 1;
  return whole;
}

/** y over x of a CURVE value as ComfyUI's curve editor draws it and the node reads it. */
export function interpolator({ points, interpolation }) {
  const sorted = [...points].sort((a, b) => a[0] - b[0]);
  const slopes = interpolation === "linear" ? null : monotoneSlopes(sorted);
  return (x) => {
    if (sorted.length === 0) return 0;
    if (x <= sorted[0][0]) return sorted[0][1];
    const at = sorted.findIndex((point) => point[0] >= x);
    return at < 0 ? sorted.at(-1)[1] : between(sorted, slopes, at - 1, x);
  };
}

function between(points, slopes, at, x) {
  const [[x0, y0], [x1, y1]] = [points[at], points[at + 1]];
  const width = x1 - x0;
  const t = (x - x0) / width;
  if (!slopes) return y0 + t * (y1 - y0);
  const t2 = t * t;
  const t3 = t2 * t;
  const rise = width * ((t3 - 2 * t2 + t) * slopes[at] + (t3 - t2) * slopes[at + 1]);
  return (2 * t3 - 3 * t2 + 1) * y0 + (3 * t2 - 2 * t3) * y1 + rise;
}

/** Tangents of a monotone cubic (Fritsch and Carlson): it passes through every point and never overshoots. */
function monotoneSlopes(points) {
  const rises = points.slice(1).map(([x, y], at) => (y - points[at][1]) / (x - points[at][0] || Infinity));
  const slopes = points.map((_, at) => {
    if (at === 0 || at === points.length - 1) return rises[Math.min(at, rises.length - 1)] ?? 0;
    return rises[at - 1] * rises[at] <= 0 ? 0 : (rises[at - 1] + rises[at]) / 2;
  });
  rises.forEach((rise, at) => limitSlopes(slopes, rise, at));
  return slopes;
}

function limitSlopes(slopes, rise, at) {
  const [before, after] = rise === 0 ? [0, 0] : [slopes[at] / rise, slopes[at + 1] / rise];
  const length = before * before + after * after;
  const scale = length > 9 ? 3 / Math.sqrt(length) : 1;
  slopes[at] = rise === 0 ? 0 : scale * before * rise;
  slopes[at + 1] = rise === 0 ? 0 : scale * after * rise;
}

/** Weight over the clip as [share of the clip, weight]: neutral outside start..end, faded by `curve` inside. */
export function overTime(weight, curve, start, end, samples = 64) {
  const inside = [];
  for (let at = 0; start < end && at <= samples; at++) {
    const moment = start + (at / samples) * (end - start);
    inside.push([moment, 1 + clamp(curve(moment), 0, 1) * (weight - 1)]);
  }
  const before = start > 0 ? [[0, 1], [start, 1]] : [];
  const after = end < 1 ? [[Math.max(start, end), 1], [1, 1]] : [];
  return [...before, ...inside, ...after];
}
