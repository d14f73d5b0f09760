/**
 * Numbered lines learned from the beginning of a text: what is before and behind the number, how many digits it has, and
 * where it begins.
 *
 * Owns the vote of neighbouring lines, of which some may be damaged. Refuses to read files.
 */
import { DIGITS_MAX, type LinesOptions, SUFFIX } from "./lines.ts";

/** The text that some bytes are the beginning of: lines that differ by a number that counts up; undefined when they are none. */
export function learnLines(beginning: Uint8Array): LinesOptions | undefined {
  const text = Buffer.from(beginning).toString("latin1").split("\n").slice(0, -1);
  const votes = new Map<string, { options: LinesOptions; count: number; index: number }>();
  for (let i = 0; i + 1 < text.length && i < LEARN_LINES; i += 1) {
    const options = templateOf(text[i] as string, text[i + 1] as string);
    if (options === undefined) continue;
    const key = JSON.stringify({ ...options, digits: 0, start: 0 });
    const known = votes.get(key);
    const least = Math.min(options.digits as number, known?.options.digits ?? DIGITS_MAX);
    const first = known ?? { options, index: i };
    votes.set(key, { ...first, options: { ...first.options, digits: least }, count: (known?.count ?? 0) + 1 });
  }
  const best = [...votes.values()].sort((a, b) => b.count - a.count)[0];
  if (best === undefined || best.count * 4 < Math.min(text.length - 1, LEARN_LINES)) return undefined;
  const start = firstNumber(text[0] as string, best);
  return start < 0 ? undefined : { ...best.options, start };
}

/**
 * The first line's number: as it has it, unless that could only be damage; then as the first two lines in a row count back.
 * Lines after it may be lost (the number is smaller than they count back to) or repeated (it is larger).
 */
function firstNumber(line: string, { options, index }: { options: LinesOptions; index: number }): number {
  const { prefix = "", suffix = "", digits = 1, start = 0 } = options;
  const counted = start - index;
  if (!line.startsWith(prefix) || !line.endsWith(suffix)) return counted;
  const number = line.slice(prefix.length, line.length - suffix.length);
  if (!/^\d{1,15}$/.test(number) || number.length < digits) return counted;
  const isNear = Number(number) <= start && Number(number) >= counted - LEARN_LINES;
  return isNear ? Number(number) : counted;
}

/** True for the lines that fill.ts writes, wherever they were learned. */
export function isDefault({ prefix, suffix, digits }: LinesOptions): boolean {
  return prefix === "" && suffix === SUFFIX && digits === DIGITS_MAX;
}

const LEARN_LINES = 512;

/** Two neighbouring lines that count up by one in one place. */
function templateOf(line: string, next: string): LinesOptions | undefined {
  for (const match of line.matchAll(/\d+/g)) {
    const [digits] = match;
    const prefix = line.slice(0, match.index);
    const suffix = line.slice(match.index + digits.length);
    if (digits.length > DIGITS_MAX || !next.startsWith(prefix) || !next.endsWith(suffix)) continue;
    const following = next.slice(prefix.length, next.length - suffix.length);
    const padded = digits.startsWith("0") || following.startsWith("0");
    if (!/^\d+$/.test(following) || Number(following) !== Number(digits) + 1) continue;
    return { prefix, suffix, digits: padded ? digits.length : 1, start: Number(digits) };
  }
  return undefined;
}
