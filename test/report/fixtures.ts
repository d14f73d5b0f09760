/** Made-up reports for the renderers: the shape of report 1, with its calls, and names that must not become markup. */
import { judgeBytes } from "../../src/judge/judge.ts";
import { applyEdits } from "../../src/judge/planted-damage.ts";
import { counter } from "../../src/pattern/counter.ts";
import { type RunReport, SCHEMA } from "../../src/report/document.ts";
import { reported } from "../../src/report/sentence.ts";

const STREAM_BYTES = 9_000_000;

/** Two findings in one file, five calls; a finding names two of them. */
export function corruptReport(overrides: Partial<RunReport> = {}): RunReport {
  const pattern = counter();
  const edits = [
    { kind: "zeroed", offsetBytes: 1_048_576, lengthBytes: 4096 },
    { kind: "duplicated", offsetBytes: 7_602_176, lengthBytes: 1_937_408 },
  ] as const;
  const { bytes } = applyEdits(edits, { pattern, lengthBytes: STREAM_BYTES });
  const { findings, segments } = judgeBytes(bytes, { pattern, expectBytes: STREAM_BYTES, file: "/mnt/x/repro.7" });
  const timeline = [0, 1, 2, 3, 4].map((index) => ({
    what: "writev",
    index,
    atNs: 812_345_678 + index * 1_000_000,
    requestedBytes: 2_097_152,
    result: index === 4 ? -11 : 2_097_152,
    streamOffsetBytes: index * 2_097_152,
  }));
  const calls = timeline.filter(({ index }) => index === 3);
  return {
    schema: SCHEMA,
    tool: "uring-append",
    version: "0.1.0",
    verdict: "corrupt",
    seed: 42,
    replay: "bun run uring-append.ts /mnt/x/repro 60 48 --seed 42",
    durationSeconds: 12.345,
    environment: {
      kernel: "6.1.170",
      arch: "x86_64",
      bun: "1.4.5",
      cpus: 2,
      memoryBytes: 1_073_741_824,
      filesystem: "xfs",
      privileged: true,
    },
    workload: { door: "uring-append" },
    trigger: { reached: 71, attempts: 480, how: "EAGAIN and short results" },
    totals: { bytesWritten: STREAM_BYTES, bytesVerified: bytes.length, files: 1, calls: 5 },
    findings: findings.map((finding) => reported(finding.kind === "duplicated" ? { ...finding, calls } : finding)),
    segments,
    artifacts: ["/mnt/x/repro.7"],
    timeline,
    ...overrides,
  };
}
