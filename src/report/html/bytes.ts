/**
 * Expected next to found, sixteen bytes a line: differing bytes are marked, and the words are given as numbers too.
 *
 * Owns the table only; the bytes are the finding's sample.
 */
import type { Sample } from "../../judge/finding.ts";
import { html, type Markup } from "./markup.ts";

const LINE_BYTES = 16;
const WORD_BYTES = 8;

function pairs(text: string): string[] {
  return text.match(/../g) ?? [];
}

/** Runs of equal or differing bytes, so that a mark is one element and not one for each byte. */
function marked(bytes: readonly string[], differs: readonly boolean[], tag: "ins" | "del"): Markup[] {
  const out: Markup[] = [];
  for (let at = 0; at < bytes.length; ) {
    let end = at;
    while (end < bytes.length && differs[end] === differs[at]) end += 1;
    const text = bytes.slice(at, end).join(" ");
    const gap = end < bytes.length ? " " : "";
    if (differs[at] !== true) out.push(html`${text}${gap}`);
    else out.push(tag === "del" ? html`<del>${text}</del>${gap}` : html`<ins>${text}</ins>${gap}`);
    at = end;
  }
  return out;
}

/** Whole little-endian 64-bit words of a line, as patterns count in them. */
function words(bytes: readonly string[]): string {
  const out: string[] = [];
  for (let at = 0; at + WORD_BYTES <= bytes.length; at += WORD_BYTES) {
    const text = [...bytes.slice(at, at + WORD_BYTES)].reverse().join("");
    out.push(BigInt(`0x${text}`).toString());
  }
  return out.join(" ");
}

export function byteTable(sample: Sample): Markup {
  const expected = pairs(sample.expectedHex);
  const found = pairs(sample.foundHex);
  const rows: Markup[] = [];
  for (let at = 0; at < Math.max(expected.length, found.length); at += LINE_BYTES) {
    const wanted = expected.slice(at, at + LINE_BYTES);
    const got = found.slice(at, at + LINE_BYTES);
    const differs = Array.from({ length: LINE_BYTES }, (_, index) => wanted[index] !== got[index]);
    rows.push(html`<tr><th scope="row" class="mono">${(sample.offsetBytes + at).toString(16).padStart(6, "0")}</th>
<td class="mono">${marked(wanted, differs, "del")}</td><td class="mono">${marked(got, differs, "ins")}</td>
<td class="mono">${words(wanted)}</td><td class="mono">${words(got)}</td></tr>`);
  }
  return html`<div class="scroll" tabindex="0" role="region" aria-label="bytes expected and found"><table>
<thead><tr><th scope="col">offset</th><th scope="col">expected</th><th scope="col">found</th><th scope="col">expected, 64-bit words</th><th scope="col">found, 64-bit words</th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}
