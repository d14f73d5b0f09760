/**
 * HTML as values: escaping happens in one place, so that a file name or a kernel message can never become markup.
 *
 * Owns `html`, a template tag whose holes are escaped unless they are markup already. Pure.
 */
import { escapeText } from "../format.ts";

/** Text that is markup already; made by `html` only. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Hole = string | number | Markup | undefined | readonly Hole[];

function filled(hole: Hole): string {
  if (hole === undefined) return "";
  if (hole instanceof Markup) return hole.text;
  if (typeof hole === "object") return hole.map(filled).join("");
  return escapeText(String(hole));
}

/** html`<p>${text}</p>`: strings and numbers are escaped, markup and lists of markup are taken as they are. */
export function html(parts: TemplateStringsArray, ...holes: readonly Hole[]): Markup {
  return new Markup(String.raw({ raw: parts }, ...holes.map(filled)));
}
