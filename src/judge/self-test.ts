/**
 * Proves, in tens of milliseconds and before a finding is reported, that the judge of this very process explains each kind
 * of damage rightly. That it sees wrong bytes at all is proven before every run (sight-test.ts).
 *
 * Owns the list of proofs; a failure is a sentence, never an exception.
 */
import { counter } from "../pattern/counter.ts";
import type { Judgement } from "./finding.ts";
import { judgeBytes } from "./judge.ts";
import { applyEdits, type Edit, type ExpectedFinding } from "./planted-damage.ts";

const STREAM_BYTES = 65536 + 13;

const PROOFS: readonly (readonly Edit[])[] = [
  [],
  [{ kind: "duplicated", offsetBytes: 24576, lengthBytes: 12288 }],
  [{ kind: "duplicated", offsetBytes: 14164, lengthBytes: 1460 }],
  [{ kind: "lost", offsetBytes: 8192, lengthBytes: 4096 }],
  [{ kind: "zeroed", offsetBytes: 16384, lengthBytes: 4096 }],
  [{ kind: "bit-flipped", offsetBytes: 33333, lengthBytes: 1, bit: 5 }],
  [{ kind: "stale", offsetBytes: 20480, lengthBytes: 4096 }],
  [{ kind: "foreign", offsetBytes: 14164, lengthBytes: 172 }],
  [{ kind: "foreign", offsetBytes: 40000, lengthBytes: 24, inserted: true }],
  [{ kind: "truncated", offsetBytes: 50001, lengthBytes: 0 }],
  [{ kind: "extra", offsetBytes: STREAM_BYTES, lengthBytes: 100 }],
  [
    { kind: "bit-flipped", offsetBytes: 1000, lengthBytes: 1, bit: 1 },
    { kind: "zeroed", offsetBytes: 4096, lengthBytes: 4096 },
    { kind: "duplicated", offsetBytes: 28672, lengthBytes: 8192 },
    { kind: "stale", offsetBytes: 36864, lengthBytes: 4096 },
    { kind: "lost", offsetBytes: 49152, lengthBytes: 1460 },
  ],
];

/** Why the judge cannot be trusted, or undefined when every proof held. */
export function selfTest(): string | undefined {
  const pattern = counter({ generation: 5 });
  for (const edits of PROOFS) {
    const { bytes, expected } = applyEdits(edits, { pattern, lengthBytes: STREAM_BYTES });
    let problem: string | undefined;
    try {
      const judgement = judgeBytes(bytes, { pattern, expectBytes: STREAM_BYTES });
      problem = compare(judgement, expected, bytes.length);
    } catch (error) {
      problem = `the judge failed: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (problem !== undefined) return `self-test (${nameOf(edits)}): ${problem}`;
  }
  return undefined;
}

function nameOf(edits: readonly Edit[]): string {
  return edits.length === 0 ? "clean" : edits.map((edit) => edit.kind).join(" + ");
}

function spell(finding: ExpectedFinding): string {
  const origin = finding.originBytes === undefined ? "" : ` from ${finding.originBytes}`;
  return `${finding.kind} ${finding.offsetBytes}+${finding.lengthBytes}${origin}`;
}

function compare(judgement: Judgement, expected: readonly ExpectedFinding[], fileBytes: number): string | undefined {
  const wanted = expected.map(spell).join(", ") || "nothing";
  const found = judgement.findings.map(spell).join(", ") || "nothing";
  if (found !== wanted) return `${wanted} was there, ${found} was found`;
  const covered = judgement.segments.reduce((sum, segment) => sum + segment.lengthBytes, 0);
  return covered === fileBytes ? undefined : `segments cover ${covered} of ${fileBytes} bytes`;
}
