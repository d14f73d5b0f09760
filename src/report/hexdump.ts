/**
 * Expected against found, as report 2 shows it: one line of sixteen bytes each, differing bytes marked.
 *
 * Owns the layout of the dump. The mark is a `^^` line below the found bytes, so it reads without colour too.
 */
import type { Sample } from "../judge/finding.ts";
import { painter } from "./paint.ts";

const LINE_BYTES = 16;

interface DumpLine {
  readonly offsetBytes: number;
  readonly expected: readonly string[];
  readonly found: readonly string[];
}

function bytesOf(text: string): string[] {
  return text.match(/../g) ?? [];
}

/** Lines begin at multiples of 16 in the file; bytes before the sample stay blank. */
function linesOf(sample: Sample): DumpLine[] {
  const lead = sample.offsetBytes % LINE_BYTES;
  const blank = Array.from({ length: lead }, () => "  ");
  const expected = [...blank, ...bytesOf(sample.expectedHex)];
  const found = [...blank, ...bytesOf(sample.foundHex)];
  const lines: DumpLine[] = [];
  for (let at = 0; at < Math.max(expected.length, found.length); at += LINE_BYTES) {
    lines.push({
      offsetBytes: sample.offsetBytes - lead + at,
      expected: expected.slice(at, at + LINE_BYTES),
      found: found.slice(at, at + LINE_BYTES),
    });
  }
  return lines;
}

/** Lines without a newline; equal lines appear once, differing ones as `-` expected, `+` found and a line of marks. */
export function hexdump(sample: Sample, { color = false }: { color?: boolean } = {}): string[] {
  const paint = painter(color);
  const digits = Math.max(6, (sample.offsetBytes + 64).toString(16).length);
  const lines: string[] = [];
  for (const line of linesOf(sample)) {
    const offset = line.offsetBytes.toString(16).padStart(digits, "0");
    const width = Math.max(line.expected.length, line.found.length);
    const differs = Array.from({ length: width }, (_, i) => line.expected[i] !== line.found[i]);
    if (!differs.includes(true)) {
      lines.push(`  ${offset}  ${line.found.join(" ")}`);
      continue;
    }
    const shown = (bytes: readonly string[], colour: "green" | "red") =>
      bytes.map((byte, i) => (differs[i] ? paint(colour, byte) : byte)).join(" ");
    const marks = differs.map((differ) => (differ ? "^^" : "  ")).join(" ");
    if (line.expected.length > 0) lines.push(`- ${offset}  ${shown(line.expected, "green")}`);
    if (line.found.length > 0) lines.push(`+ ${offset}  ${shown(line.found, "red")}`);
    lines.push(`  ${" ".repeat(digits)}  ${marks}`.trimEnd());
  }
  return lines;
}
