/** What must hold of the judge for one case; shared by the tests and by the soak command. */

import type { Judgement } from "../../src/judge/finding.ts";
import { Judge, type JudgeOptions, judgeBytes } from "../../src/judge/judge.ts";
import type { ExpectedFinding } from "../../src/judge/planted-damage.ts";
import { counter } from "../../src/pattern/counter.ts";
import { type Case, Dice, expectedOf } from "./cases.ts";
import type { EditedStream } from "./edits.ts";
import { problemOfReplay } from "./replay.ts";
import { object } from "./second-opinion.ts";
import type { WildCase } from "./wild.ts";

export function spell(finding: {
  kind: string;
  offsetBytes: number;
  lengthBytes: number;
  originBytes?: number;
}): string {
  const origin = finding.originBytes === undefined ? "" : `<${finding.originBytes}`;
  return `${finding.kind}@${finding.offsetBytes}+${finding.lengthBytes}${origin}`;
}

export function judgeInPieces(bytes: Uint8Array, options: JudgeOptions, size: () => number): Judgement {
  const judge = new Judge(options);
  for (let at = 0; at < bytes.length; ) {
    const length = Math.min(bytes.length - at, size());
    judge.push(bytes.subarray(at, at + length));
    at += length;
  }
  return judge.finish();
}

function randomSize(seed: number): () => number {
  const dice = new Dice(seed + 1);
  const most = dice.pick([1, 7, 100, 1000, 5000, 100000]);
  return () => 1 + dice.below(most * 2);
}

/** Known answer: the findings are exactly these, the books balance (slow to check), and block sizes make no difference. */
export function problemOfCase(one: Case, seed: number, { books = true } = {}): string | undefined {
  const { bytes, expected } = expectedOf(one);
  const options = { pattern: counter({ generation: one.generation }), expectBytes: one.lengthBytes };
  const judgement = judgeBytes(bytes, options);
  const said = judgement.findings.map(spell).join(" ");
  const wanted = expected.map(spell).join(" ");
  if (said !== wanted && !isShorter(judgement.findings, expected)) return `expected ${wanted}, the judge said ${said}`;
  if (!books) return differsInPieces({ bytes, options, judgement, seed });
  return (
    differsInPieces({ bytes, options, judgement, seed }) ??
    object({ ...one, bytes, expectBytes: one.lengthBytes, judgement })
  );
}

/** Edits may happen to have a shorter story than the one that was planned: fewer findings, or as many of fewer bytes. */
function isShorter(findings: readonly ExpectedFinding[], planned: readonly ExpectedFinding[]): boolean {
  const bytes = (all: readonly ExpectedFinding[]) => all.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  if (findings.length !== planned.length) return findings.length < planned.length;
  return bytes(findings) < bytes(planned);
}

/** No known answer: the second opinion must have nothing to object to. */
export function problemOfWild(one: WildCase, seed: number): string | undefined {
  const options = { pattern: counter({ generation: one.generation }), expectBytes: one.expectBytes };
  const judgement = judgeBytes(one.bytes, options);
  const problem = object({ ...one, judgement }) ?? differsInPieces({ bytes: one.bytes, options, judgement, seed });
  if (problem === undefined) return undefined;
  return `${problem}; ${one.story.join(", ")}; ${judgement.findings.map(spell).join(" ")}`;
}

/** Independent edits: never more findings than edits, a story that replays, and no difference by block size. */
export function problemOfEdits(one: EditedStream, seed: number): string | undefined {
  const { bytes, pattern, lengthBytes, count, story } = one;
  const options = { pattern, expectBytes: lengthBytes };
  const judgement = judgeBytes(bytes, options);
  // A lost range whose middle is found elsewhere is lost in two parts: the judge may not call it lost.
  const jumps = new Set(judgement.findings.flatMap(({ kind, offsetBytes }) => (kind === "lost" ? [offsetBytes] : [])));
  const told = judgement.findings.filter(({ kind }) => kind !== "lost").length + jumps.size;
  const longer = told > count ? `${told} findings for ${count} edits` : undefined;
  const problem =
    longer ??
    problemOfReplay({ bytes, judgement, pattern, expectBytes: lengthBytes }) ??
    differsInPieces({ bytes, options, judgement, seed });
  if (problem === undefined) return undefined;
  return `${problem}; ${story.join(", ")}; ${judgement.findings.map(spell).join(" ")}`;
}

function differsInPieces(one: {
  bytes: Uint8Array;
  options: JudgeOptions;
  judgement: Judgement;
  seed: number;
}): string | undefined {
  const pieces = judgeInPieces(one.bytes, one.options, randomSize(one.seed));
  return Bun.deepEquals(pieces, one.judgement) ? undefined : `in pieces: ${pieces.findings.map(spell).join(" ")}`;
}
