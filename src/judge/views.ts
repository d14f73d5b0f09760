/**
 * Judges views of one space, written in some ranges only: a mapping, an address space, a sparse device.
 *
 * Owns the question for memory: right bytes at the wrong address. What was written is judged where it belongs; where
 * nothing was written there should be zeros, and the stream's bytes there are `misplaced` and name the place that they
 * left, as that place names them. Pure: whoever has the mapping makes the views.
 */
import { PAGE_BYTES } from "../units.ts";
import type { Finding, Judgement } from "./finding.ts";
import { type JudgeOptions, judgeBytes } from "./judge.ts";

/** Segments and findings whose bytes are the stream's. */
const OF_STREAM: ReadonlySet<string> = new Set(["intact", "misplaced", "duplicated", "lost", "truncated", "extra"]);

/** A range of the space, in memory. */
export interface View {
  /** Where it begins in the space; the stream's byte of the same offset belongs there. */
  readonly offsetBytes: number;
  readonly bytes: Uint8Array;
  /** Nothing was written here: zeros are right. Default false. */
  readonly untouched?: boolean;
}

/** Judges each view in its place; the halves of bytes that moved from one to another name each other. */
export function judgeViews(
  views: readonly View[],
  options: Pick<JudgeOptions, "pattern" | "file">,
): Pick<Judgement, "verifiedBytes" | "findings"> {
  const findings = views.flatMap(({ offsetBytes, bytes, untouched = false }): Finding[] => {
    if (untouched) return strayIn(bytes, { ...options, startBytes: offsetBytes });
    const expectBytes = offsetBytes + bytes.length;
    return [...judgeBytes(bytes, { ...options, startBytes: offsetBytes, expectBytes }).findings];
  });
  const verifiedBytes = views.reduce((sum, { bytes }) => sum + bytes.length, 0);
  return { verifiedBytes, findings: findings.map((one) => joined(one, findings)) };
}

/** What is not zero where zeros should be: bytes of the stream, wherever they belong, with the damage in them, and others. */
function strayIn(bytes: Uint8Array, options: JudgeOptions & { readonly startBytes: number }): Finding[] {
  if (bytes.every((byte) => byte === 0)) return [];
  const { findings, segments } = judgeBytes(bytes, { ...options, openEnd: true });
  const damage = findings.filter(({ kind }) => !OF_STREAM.has(kind) && kind !== "zeroed");
  const runs: { offsetBytes: number; lengthBytes: number; originBytes: number }[] = [];
  for (const { kind, offsetBytes, lengthBytes, originBytes = offsetBytes } of segments) {
    if (!OF_STREAM.has(kind)) continue;
    const last = runs.at(-1);
    const goesOn = last !== undefined && last.originBytes - last.offsetBytes === originBytes - offsetBytes;
    if (goesOn) last.lengthBytes = offsetBytes + lengthBytes - last.offsetBytes;
    else runs.push({ offsetBytes, lengthBytes, originBytes });
  }
  const strays = runs.map((run): Finding => {
    const file = options.file === undefined ? {} : { file: options.file };
    const pageAligned = run.offsetBytes % PAGE_BYTES === 0;
    return { kind: "misplaced", ...file, ...run, replacesBytes: run.lengthBytes, pageAligned };
  });
  return [...strays, ...damage].sort((a, b) => a.offsetBytes - b.offsetBytes);
}

function joined(one: Finding, all: readonly Finding[]): Finding {
  if (one.alsoAtBytes !== undefined) return one;
  const other = all.find((found) => found !== one && (left(found, one) || left(one, found)));
  return other === undefined ? one : { ...one, alsoAtBytes: other.offsetBytes };
}

/** The first is bytes that belong where the second is damage. */
function left({ kind, originBytes = 0, lengthBytes }: Finding, place: Finding): boolean {
  if (kind !== "misplaced") return false;
  return originBytes < place.offsetBytes + place.lengthBytes && place.offsetBytes < originBytes + lengthBytes;
}
