// What flows into a node: the value behind a linked input, as far as the graph shows it before it runs.

export const UNKNOWN = Symbol("known only when the graph runs");

const isCurve = (value) => Array.isArray(value?.points) && typeof value.interpolation === "string";

/** Is this input of the node linked? */
export const isLinked = (node, name) => node.inputs?.find((input) => input.name === name)?.link != null;

/** The number an input has: the widget's own, that of a linked primitive, or UNKNOWN. */
export function numberOf(node, name) {
  if (!isLinked(node, name)) return node.widgets.find((widget) => widget.name === name).value;
  return valueBehind(node, name, (value) => typeof value === "number");
}

/** The curve a CURVE input has: null when nothing is linked, `{points, interpolation}`, or UNKNOWN. */
export const curveOf = (node, name) => (isLinked(node, name) ? valueBehind(node, name, isCurve) : null);

/** The first widget value of the linked node that fits; reroutes are passed through. */
function valueBehind(node, name, fits) {
  const source = sourceOf(node, node.inputs.findIndex((input) => input.name === name));
  if (source?.type === "Reroute") return valueBehind(source, source.inputs[0].name, fits);
  if (source?.inputs?.some((input) => input.link != null)) return UNKNOWN; // it computes
  return source?.widgets?.map((widget) => widget.value).find(fits) ?? UNKNOWN;
}

/** The node a slot's link comes from; null at the edge of a subgraph. */
function sourceOf(node, slot) {
  const link = node.graph?.getLink(node.inputs[slot]?.link);
  return link ? node.graph.getNodeById(link.origin_id) : null;
}
