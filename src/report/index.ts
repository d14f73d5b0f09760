/** The door of the report room: plain values in, strings out. Owns no rendering itself. */
export { renderJson } from "./json.ts";
export { renderKtap } from "./ktap.ts";
export { renderStrip } from "./strip.ts";
export { renderSvg } from "./svg.ts";
export { renderText, type TextOptions } from "./text.ts";
