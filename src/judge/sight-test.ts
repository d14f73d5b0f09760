/**
 * Proves, in a millisecond and before every run, that the judge of this very process sees wrong bytes and accepts right
 * ones: what "clean" rests on.
 *
 * A verifier that loads a broken compiler, a wrong byte order or a bad build must refuse to judge instead of calling
 * everything clean. That damage is also explained rightly is proven by self-test.ts, before a finding is reported. Loads
 * nothing that only damage needs. A failure is a sentence, never an exception.
 */
import { counter } from "../pattern/counter.ts";
import type { Pattern } from "../pattern/pattern.ts";
import { Judge } from "./judge.ts";

const STREAM_BYTES = 500;
/** The first and the last byte of the stream, of a word and of a group of words, and of what is left behind the words. */
const PLACES = [0, 7, 8, 63, 64, 250, STREAM_BYTES - 5, STREAM_BYTES - 1];

/** Why the judge cannot be trusted to see, or undefined when every proof held. */
export function sightTest(pattern: Pattern = counter({ generation: 5 })): string | undefined {
  const bytes = new Uint8Array(new ArrayBuffer(STREAM_BYTES));
  pattern.fill(bytes, 8);
  try {
    const judge = new Judge({ pattern, startBytes: 8, expectBytes: 8 + STREAM_BYTES });
    judge.push(bytes);
    const { findings, verifiedBytes } = judge.finish();
    if (findings.length > 0 || verifiedBytes !== STREAM_BYTES) return "right bytes were called wrong";
    for (const [index, at] of PLACES.entries()) {
      const bit = 1 << index;
      bytes[at] = (bytes[at] as number) ^ bit;
      const seen = pattern.firstMismatch(bytes, 8);
      bytes[at] = (bytes[at] as number) ^ bit;
      if (seen !== at) return `bit ${index} of byte ${at} was flipped, and the first wrong byte was ${seen}`;
    }
    return pattern.firstMismatch(bytes, 16) === 0 ? undefined : "bytes of another place were called right";
  } catch (error) {
    return `the judge failed: ${error instanceof Error ? error.message : String(error)}`;
  }
}
