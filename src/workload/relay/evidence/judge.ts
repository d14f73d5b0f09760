/**
 * What the relay's ends need of a judge.
 *
 * Owns the shape only: this room may not import the judge itself, so whoever starts a role hands in how to make one.
 */

import type { Judgement } from "../../../judge/finding.ts";
import { type Counter, counter } from "../../../pattern/counter.ts";
import type { Pattern } from "../../../pattern/pattern.ts";
import { zero } from "../../../pattern/zero.ts";
import type { Feed } from "../options.ts";

/** A judge of one stream: bytes in order, then the end. How long the stream should be is not known before that. */
export interface StreamJudge {
  /** True while nothing wrong was seen. */
  readonly intact: boolean;
  push(bytes: Uint8Array): void;
  finish(): Judgement;
}

export type JudgeMaker = (pattern: Pattern) => StreamJudge;

/** The pattern of one connection: each has a generation of its own, so that bytes that cross over are recognised. */
export function patternOf(feed: Feed, connection: number): Pattern | Counter {
  return feed.pattern === "zero" ? zero() : counter({ generation: (feed.generation + connection) & 0xffffff });
}
