// What flows into a node: the value behind an input, as far as the graph shows it before it runs. A workflow file can
// hold anything in a widget, so a value counts only if it has the form it should have.

export const UNKNOWN = Symbol("not to be seen before the graph runs");

const HANDS_ON = ["CurveEditor", "PrimitiveNode", "PrimitiveFloat", "PrimitiveInt"]; // their widget is their output

const isPoint = (point) => Array.isArray(point) && point.length === 2 && point.every(Number.isFinite);
const isCurve = (value) => Array.isArray(value?.points) && value.points.every(isPoint);

/** Is this input of the node linked? */
export const isLinked = (node, name) => inputOf(node, name)?.link != null;

/** The number an input has, from its widget or the node behind the link, or UNKNOWN. */
export const numberOf = (node, name) => valueOf(node, name, Number.isFinite);

/** The curve an input has, `{points, interpolation}`: null when nothing is linked, or UNKNOWN. */
export const curveOf = (node, name) => (isLinked(node, name) ? valueOf(node, name, isCurve) : null);

function valueOf(node, name, fits) {
  if (isLinked(node, name)) return valueBehind(inputOf(node, name).link, node.graph, fits);
  const value = node.widgets?.find((widget) => widget.name === name)?.value;
  return fits(value) ? value : UNKNOWN;
}

function valueBehind(link, graph, fits) {
  const source = graph.getNodeById(graph.getLink(link)?.origin_id); // none at the edge of a subgraph
  if (source?.type === "Reroute") return valueOf(source, source.inputs[0].name, fits);
  const widget = HANDS_ON.includes(source?.type) && source.widgets?.find(({ value }) => fits(value));
  return widget ? valueOf(source, widget.name, fits) : UNKNOWN;
}

const inputOf = (node, name) => node.inputs?.find((input) => input.name === name);
