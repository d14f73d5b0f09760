/**
 * The reproducers of shared file positions, as processes. Bad on every kernel tried so far (memfd: on all but
 * 6.12.118); when one of them turns, its header and the table of known kernels need a new line.
 */
import { expect, test } from "bun:test";
import { availableParallelism, release } from "node:os";
import { gallery, linesOf } from "./gallery.ts";

const alone = availableParallelism() < 2;

test.skipIf(alone).each([
  ["shared-position", "lost", 2],
  ["shared-position-input", "duplicated", 2],
] as const)(
  "%s: whole records are %s by both calls, the control is clean, and the files are kept",
  async (name, kind, doors) => {
    const { code, report, left } = await gallery(name);
    expect({ code, verdict: report.verdict }).toEqual({ code: 1, verdict: "corrupt" });
    expect([...new Set(report.findings.map((finding) => finding.kind))]).toEqual([kind]);
    for (const finding of report.findings) expect(finding.lengthBytes % 4096).toBe(0);
    expect(report.trigger.reached).toBeGreaterThanOrEqual(doors);
    const lines = linesOf(report);
    expect(lines[0]).toMatch(/^read.*\(control\): 0 of \d+/);
    for (const line of lines.slice(1, 1 + doors))
      expect(line).toMatch(/: [1-9]\d* of \d+ .*records (are gone|were given)/);
    expect(left).toEqual([...report.artifacts].sort());
  },
  120_000,
);

test.each(["memfd-position", "shared-position-ring"])(
  "%s: one try at least, none after the time",
  async (name) => {
    const { report } = await gallery(name, "--records", "2", "--rounds", "1000", "--seconds", "1ms");
    expect(report.trigger.attempts).toBe(1);
  },
  120_000,
);

test("one door alone", async () => {
  const { report } = await gallery("shared-position", "--door", "sendfile");
  expect(linesOf(report).filter((line) => line.startsWith("copy_file_range:"))).toEqual([]);
}, 120_000);

test.skipIf(alone)(
  "shared-position-ring: acknowledged records are gone, write(2) loses none",
  async () => {
    const { code, report } = await gallery("shared-position-ring", "--rounds", "40");
    expect({ code, kinds: new Set(report.findings.map(({ kind }) => kind)) }).toEqual({
      code: 1,
      kinds: new Set(["lost"]),
    });
    expect(linesOf(report)[0]).toStartWith("write (control): 0 of ");
    const acknowledged = report.totals.bytesWritten;
    expect(acknowledged % (2 * 500 * 4096)).toBe(0);
  },
  120_000,
);

test.skipIf(alone)(
  "memfd-position: acknowledged records are gone, the same memfd opened by open(2) loses none",
  async () => {
    const { code, report, left } = await gallery("memfd-position");
    // "mm/memfd: make f_pos accesses atomic" is in 6.12.118; what other kernels do is for the survey to find.
    if (release().startsWith("6.18.44")) expect(code).toBe(1);
    expect(report.verdict).toBe(code === 1 ? "corrupt" : "clean");
    expect(linesOf(report)[0]).toStartWith("the memfd opened by open(2) (control): 0 of ");
    expect(left).toEqual([...report.artifacts]);
  },
  120_000,
);
