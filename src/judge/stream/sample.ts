/**
 * The few bytes around the first bad one that a hex dump needs: owns taking them as they pass by (at most 64 bytes,
 * filled up from the next window when a block ends among them), refuses to keep more.
 */
import type { Pattern } from "../../pattern/pattern.ts";
import type { Sample } from "../finding.ts";
import type { Run } from "./boundary.ts";
import type { Window } from "./resync.ts";

const SAMPLE_BYTES = 64;
const LINE_BYTES = 16;

export interface OpenSample {
  readonly offsetBytes: number;
  readonly expected: Uint8Array;
  readonly found: number[];
}

/** Begins a line before the line that holds the end of the run, where the first bad byte is. */
export function openSample({ run, pattern, endBytes }: { run: Run; pattern: Pattern; endBytes: number }): OpenSample {
  const line = Math.floor(run.to / LINE_BYTES) * LINE_BYTES;
  const offsetBytes = Math.max(run.from, line - LINE_BYTES);
  const before = new Uint8Array(run.to - offsetBytes);
  const streamOffsetBytes = run.streamOffsetBytes + (offsetBytes - run.from);
  run.stream.fill(before, streamOffsetBytes);
  const expected = new Uint8Array(Math.max(0, Math.min(SAMPLE_BYTES, endBytes - streamOffsetBytes)));
  pattern.fill(expected, streamOffsetBytes);
  return { offsetBytes, expected, found: [...before] };
}

/** Takes what the window has of the bytes that are still missing; true when the sample is complete. */
export function addToSample(sample: OpenSample, { block, at }: Window): boolean {
  let index = sample.offsetBytes + sample.found.length - at;
  if (index < 0) return false;
  while (sample.found.length < SAMPLE_BYTES && index < block.length) {
    sample.found.push(block[index] as number);
    index += 1;
  }
  return sample.found.length >= SAMPLE_BYTES;
}

export function sealSample(sample: OpenSample): Sample {
  return {
    offsetBytes: sample.offsetBytes,
    expectedHex: Buffer.from(sample.expected).toString("hex"),
    foundHex: Buffer.from(sample.found).toString("hex"),
  };
}
