// The colours of the pack's own sockets and links, in both renderers. A colour palette that names one of them wins.

import { app } from "../../../scripts/app.js";
import { element } from "./page.js";

const COLOURS = {
  NEO_AUDIO: "#4f9da6",
  NEO_IDENTITY: "#d98e73",
  NEO_GRANT: "#5fae6b",
  NEO_GUIDANCE: "#e0b84c",
  NEO_EMOTION: "#d8739a",
  NEO_MOTION: "#b07cc6",
  NEO_VOLUME: "#6f8fd8",
  NEO_RENDERER: "#5f7fa8",
  NEO_MODEL: "#9aa0a6",
  NEO_VIDEO_MODEL: "#7d8796",
  NEO_ANCHOR: "#c9a27e",
  NEO_VIDEO_LATENT: "#e07a5f",
};

app.registerExtension({
  name: "NEO.Sockets",
  setup() {
    for (const colours of [app.canvas.default_connection_color_byType, app.canvas.constructor.link_type_colors]) {
      for (const [type, colour] of Object.entries(COLOURS)) addDefault(colours, type, colour);
    }
    // The Vue renderer reads style variables; a palette sets them on the root element, which outranks this sheet.
    const rules = Object.entries(COLOURS).map(([type, colour]) => `--color-datatype-${type}: ${colour};`);
    document.head.append(element("style", {}, `:root { ${rules.join(" ")} }`));
    app.canvas.setDirty(true, true);
  },
});

/** Whenever a palette is loaded, the host empties the colours of all types that the palette does not name. */
function addDefault(colours, type, colour) {
  let chosen = colours[type];
  Object.defineProperty(colours, type, {
    configurable: true,
    enumerable: true,
    get: () => chosen || colour,
    set: (value) => (chosen = value),
  });
}
