/** What must hold of the judge for one case; shared by the tests and by the soak command. */

import type { Judgement } from "../../src/judge/finding.ts";
import { Judge, type JudgeOptions, judgeBytes } from "../../src/judge/judge.ts";
import type { ExpectedFinding } from "../../src/judge/planted-damage.ts";
import { counter } from "../../src/pattern/counter.ts";
import { type Case, Dice, expectedOf } from "./cases.ts";
import { replayed } from "./edit-script.ts";
import { fewestFindings } from "./every-line.ts";
import { problemOfReplay, type Replay } from "./replay.ts";
import { object } from "./second-opinion.ts";
import type { Truth } from "./truth.ts";
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
  let tiny = 0;
  return () => {
    // A whole stream of single bytes would take most of the time of all cases.
    tiny += 1;
    if (most < 100 && tiny % 512 === 0) return 4000 + dice.below(9000);
    return 1 + dice.below(most * 2);
  };
}

/** Known answer: the findings are exactly these and replay, the books balance (slow to check), and block sizes make no difference. */
export function problemOfCase(one: Case, seed: number, { books = true } = {}): string | undefined {
  const { bytes, expected } = expectedOf(one);
  const options = { pattern: counter({ generation: one.generation }), expectBytes: one.lengthBytes };
  const judgement = judgeBytes(bytes, options);
  const ran = judgement.findings.map(spell).join(" ");
  const wanted = expected.map(spell).join(" ");
  if (ran !== wanted && !isAsGood(judgement.findings, expected)) return `expected ${wanted}, the judge reported ${ran}`;
  if (!books) return differsInPieces({ bytes, options, judgement, seed });
  const { pattern, expectBytes } = options;
  return (
    differsInPieces({ bytes, options, judgement, seed }) ??
    problemOfStory({ bytes, judgement, pattern, expectBytes }, Infinity) ??
    object({ ...one, bytes, expectBytes, judgement })
  );
}

/**
 * Edits may happen to have a better story than the one that was planned, by the order of the contract: fewer findings,
 * fewer bytes, better aligned beginnings (of bytes pushed in the last may be the one before the first), earlier ones; or one
 * that is as good in all of these.
 */
function isAsGood(findings: readonly ExpectedFinding[], planned: readonly ExpectedFinding[]): boolean {
  const bytes = (all: readonly ExpectedFinding[]) => all.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  if (findings.length !== planned.length) return findings.length < planned.length;
  if (bytes(findings) !== bytes(planned)) return bytes(findings) < bytes(planned);
  const aligned = (all: readonly ExpectedFinding[]) =>
    all.reduce((sum, { offsetBytes: at }) => sum + [4096, 512, 8].filter((size) => at % size === 0).length, 0);
  if (aligned(findings) !== aligned(planned)) return aligned(findings) > aligned(planned);
  const offsets = (all: readonly ExpectedFinding[]) => all.reduce((sum, { offsetBytes }) => sum + offsetBytes, 0);
  return offsets(findings) <= offsets(planned);
}

/** No known answer: the story must replay, and the second opinion must have nothing to object to. */
export function problemOfWild(one: WildCase, seed: number): string | undefined {
  const options = { pattern: counter({ generation: one.generation }), expectBytes: one.expectBytes };
  const judgement = judgeBytes(one.bytes, options);
  const { bytes, expectBytes } = one;
  const problem =
    object({ ...one, judgement }) ??
    problemOfStory({ bytes, judgement, pattern: options.pattern, expectBytes }, Infinity) ??
    differsInPieces({ bytes, options, judgement, seed });
  if (problem === undefined) return undefined;
  return `${problem}; ${one.story.join(", ")}; ${judgement.findings.map(spell).join(" ")}`;
}

/** Independent edits: never more findings than edits or than the second opinion needs; a story that replays; windows. */
export function problemOfTruth(truth: Truth, seed: number): string | undefined {
  const { bytes, pattern, lengthBytes, story } = truth;
  const options = { pattern, expectBytes: lengthBytes };
  const judgement = judgeBytes(bytes, options);
  const few = Math.min(truth.count, fewestFindings(truth.stretches, lengthBytes));
  const problem =
    problemOfStory({ bytes, judgement, pattern, expectBytes: lengthBytes }, truth.isDoubtful ? Infinity : few) ??
    differsInPieces({ bytes, options, judgement, seed });
  if (problem !== undefined) return `${problem}; ${story.join(", ")}; ${judgement.findings.map(spell).join(" ")}`;
  return problemOfWindow(truth, seed);
}

/** A part of the file, as --offset and --length see it. */
function problemOfWindow(truth: Truth, seed: number): string | undefined {
  const { bytes, pattern, lengthBytes, places, story } = truth;
  const dice = new Dice(seed + 7);
  const from = dice.pick([0, 4096, 8192 + dice.below(3000), dice.below(bytes.length)]);
  const to = dice.pick([bytes.length, Math.min(bytes.length, from + dice.below(bytes.length))]);
  const openEnd = to < bytes.length && to < lengthBytes;
  const window = bytes.subarray(from, to);
  // Where the file is longer than the stream, a window behind its end is all too many.
  if (from >= lengthBytes || (to > lengthBytes && to < bytes.length)) return undefined;
  const judgement = judgeBytes(window, { pattern, startBytes: from, expectBytes: lengthBytes, openEnd });
  const inside = places.filter((place) => place.to >= from - NEAR_BYTES && place.from <= to + NEAR_BYTES);
  const before = places.filter((place) => place.from < from).reduce((sum, { growth }) => sum + growth, 0);
  // An edit that the window cuts in two is another one.
  const cut = places.filter((place) => [from, to].some((at) => place.from < at && place.to + NEAR_BYTES > at)).length;
  // What is shifted before the window repeats its beginning; an edit in there cuts the repetition in two, or in three.
  const early = before <= 0 ? 0 : 2 * inside.filter((place) => place.from <= from + before).length;
  // The few bytes between the window's beginning and an edit, or its end, do not prove that they are shifted.
  const isShort =
    to - from <= NEAR_BYTES || inside.some((place) => place.from > from && place.from <= from + NEAR_BYTES);
  const short = before !== 0 && isShort ? 1 : 0;
  const few = inside.reduce((sum, { findings }) => sum + findings, (before === 0 ? 0 : 1) + cut + early + short);
  const end = openEnd ? {} : { expectBytes: lengthBytes };
  // Part of a sector, cut by the window, does not show which.
  const most = truth.isDoubtful || story[0]?.startsWith("sectors") ? Infinity : few;
  const problem = problemOfStory({ bytes: window, judgement, pattern, startBytes: from, ...end }, most);
  if (problem === undefined) return undefined;
  return `window ${from} to ${to}: ${problem}; ${story.join(", ")}; ${judgement.findings.map(spell).join(" ")}`;
}

/** Edits so near to a border of a window may show in it; so few bytes behind one prove nothing. */
const NEAR_BYTES = 64;

function problemOfStory(replay: Replay, few: number): string | undefined {
  const { judgement, bytes } = replay;
  // A lost range whose middle is found elsewhere is lost in two parts: the judge may not call it lost.
  const jumps = new Set(judgement.findings.flatMap(({ kind, offsetBytes }) => (kind === "lost" ? [offsetBytes] : [])));
  const given = judgement.findings.filter(({ kind }) => kind !== "lost").length + jumps.size;
  if (given > few) return `${given} findings where ${few} would do`;
  const problem = problemOfReplay(replay);
  if (problem !== undefined) return problem;
  const again = replayed(replay);
  const differs = again.findIndex((byte, index) => byte !== bytes[index]);
  return differs < 0 ? undefined : `replayed, byte ${differs + (replay.startBytes ?? 0)} is another one`;
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
