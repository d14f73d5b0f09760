/** From an ended guest to an exit code, a row, a table, KTAP and JSON. */
import { describe, expect, test } from "bun:test";
import type { GuestResult } from "../../src/lab/guest/qemu.ts";
import { makeRow, type Row } from "../../src/lab/row.ts";
import { diedEmulated, judge } from "../../src/lab/run.ts";
import { parseReport } from "../../src/lab/script.ts";
import { matrixExitCode, matrixJson, matrixKtap, tableHead, tableRow } from "../../src/lab/table.ts";
import type { RunReport } from "../../src/report/document.ts";

const RESULT: GuestResult = {
  end: "exited",
  exitCode: 0,
  announced: undefined,
  why: undefined,
  bootSeconds: 4.56,
  bootParts: undefined,
  scriptSeconds: 2.5,
  processorSeconds: 3,
  bootProcessorSeconds: 1,
  events: [],
  consoleTail: [],
};
const KERNEL = {
  label: "6.1.170",
  version: "6.1.170-3",
  title: "linux-image-6.1.0-47-cloud-amd64 6.1.170-3",
  vmlinuz: "/vmlinuz",
  modulesDirectory: "/modules",
  cacheKey: undefined,
  changelog: undefined,
};
const REPORT: RunReport = {
  schema: 2,
  tool: "uring-append",
  version: "0.1.0",
  verdict: "corrupt",
  seed: 1,
  replay: "bun run uring-append.ts --seed 1",
  durationSeconds: 2,
  environment: { kernel: "6.1.0", arch: "x64", bun: "1.4.5", cpus: 1, memoryBytes: 1, privileged: true },
  workload: {},
  trigger: { reached: 71, attempts: 80, how: "short results" },
  totals: { bytesWritten: 1, bytesVerified: 1, files: 1, calls: 1, firstFindingSeconds: 0.25 },
  findings: [
    { kind: "duplicated", offsetBytes: 4096, lengthBytes: 10, pageAligned: true, detail: "10 bytes are repeated" },
  ],
  artifacts: [],
};

function row(change: Partial<GuestResult>, report: Partial<RunReport> | string = {}): Row {
  const result = { ...RESULT, ...change };
  const stdout = typeof report === "string" ? report : JSON.stringify({ ...REPORT, ...report });
  const verdict = judge(result, { timeoutSeconds: 60, report: parseReport(stdout) });
  return makeRow("6.1.170", { kernel: KERNEL, result, stdout, ...verdict }, "the last line of stderr");
}

describe("judge", () => {
  const cases: [string, Partial<GuestResult>, number, string | undefined][] = [
    ["a clean run", { exitCode: 0, announced: 0 }, 0, undefined],
    ["a corrupt run", { exitCode: 1, announced: 1 }, 1, undefined],
    ["our own failure", { exitCode: 255, announced: 255 }, 255, undefined],
    ["a script that does not load", { exitCode: 255 }, 125, "the script ended with exit code 255 and without a report"],
    // An import that does not exist, a program that prints "hello", a signal's code: none of them is a verdict.
    ["1 without a report", { exitCode: 1 }, 125, "the script ended with exit code 1 and without a report"],
    ["0 without a report", { exitCode: 0 }, 125, "the script ended with exit code 0 and without a report"],
    ["another code", { exitCode: 7 }, 125, "the script ended with exit code 7 and without a report"],
    [
      "another code than announced",
      { exitCode: 1, announced: 0 },
      125,
      "the script ended with exit code 1 and without a report",
    ],
    ["bad arguments", { exitCode: 254 }, 254, undefined],
    ["a killed script", { exitCode: 137 }, 125, "the script was killed by signal 9"],
    [
      "an out-of-memory kill",
      { exitCode: 137, events: [{ kind: "oom", line: "Memory cgroup out of memory" }] },
      125,
      "the script was killed by signal 9, out of memory",
    ],
    [
      "a panic",
      { end: "died", exitCode: undefined, events: [{ kind: "panic", line: "Kernel panic - not syncing" }] },
      125,
      "the guest died while the script ran: Kernel panic - not syncing",
    ],
    [
      "a kernel that does not boot",
      {
        end: "died",
        exitCode: undefined,
        bootSeconds: undefined,
        scriptSeconds: undefined,
        why: "qemu: no such file\nmore",
      },
      125,
      "the guest died while booting (QEMU: qemu: no such file)",
    ],
    ["a hang", { end: "timeout", exitCode: undefined }, 125, "no end within 60 s (while the script ran)"],
    ["init that gave up", { end: "failed", exitCode: undefined, why: "cannot mount xfs" }, 125, "cannot mount xfs"],
    ["our own stop", { end: "stopped", exitCode: undefined }, 130, "stopped"],
  ];
  test.each(cases)("%s", (_name, change, exitCode, reason) => {
    expect(judge({ ...RESULT, ...change }, { timeoutSeconds: 60, report: null })).toEqual({ exitCode, reason });
  });
});

test("an emulated kernel that panics before the script is booted once more, and nothing else is", () => {
  const panicked = { ...RESULT, end: "died", bootSeconds: undefined, events: [{ kind: "panic", line: "x" }] } as const;
  const again = (change: Partial<GuestResult>, acceleration: "kvm" | "tcg" = "tcg") =>
    diedEmulated({ acceleration, result: { ...panicked, ...change } });
  expect([again({}), again({ events: [{ kind: "oops", line: "x" }] })]).toEqual([true, true]);
  expect(again({}, "kvm")).toBe(false);
  for (const change of [
    { bootSeconds: 4 },
    { end: "timeout" },
    { end: "stopped" },
    { end: "failed" },
    { events: [] },
    { events: [{ kind: "lab", line: "lab: no virtio ports within 5 s" }] },
  ] as const)
    expect({ change, again: again(change) }).toEqual({ change, again: false });
});

describe("makeRow", () => {
  test("takes verdict, trigger and first finding from the report", () => {
    expect(row({ exitCode: 1 })).toEqual({
      asked: "6.1.170",
      kernel: "6.1.170-3",
      title: KERNEL.title,
      verdict: "corrupt",
      exitCode: 1,
      firstFindingSeconds: 0.25,
      attempts: 80,
      reached: 71,
      bootSeconds: 4.56,
      scriptSeconds: 2.5,
      reason: null,
      consoleEvents: [],
      report: REPORT,
    });
  });

  test("without a report there is no verdict, whatever the exit code; stderr gives the reason", () => {
    const facts = (exitCode: number, done: string) => {
      const { verdict, reason, exitCode: code } = row({ exitCode }, done);
      return [verdict, code, reason];
    };
    const silent = (code: number) =>
      `the script ended with exit code ${code} and without a report: the last line of stderr`;
    expect([facts(0, "hello\n"), facts(1, ""), facts(254, "")]).toEqual([
      ["inconclusive", 125, silent(0)],
      ["inconclusive", 125, silent(1)],
      ["inconclusive", 254, "the last line of stderr"],
    ]);
  });

  test("a report that disagrees with the exit code is not believed either", () => {
    expect(row({ exitCode: 0 }).verdict).toBe("inconclusive");
    expect(row({ exitCode: 1 }, { verdict: "clean" }).verdict).toBe("inconclusive");
    expect(row({ exitCode: 125 }, { verdict: "skipped" }).verdict).toBe("skipped");
  });

  test("a guest that died is inconclusive, whatever it had printed", () => {
    const died = row({ end: "died", exitCode: undefined });
    expect([died.verdict, died.report]).toEqual(["inconclusive", null]);
  });
});

describe("the matrix", () => {
  const corrupt = row({ exitCode: 1 });
  const clean = row(
    {},
    {
      verdict: "clean",
      findings: [],
      trigger: { reached: 0, attempts: 9, how: "" },
      totals: {
        bytesWritten: 1,
        bytesVerified: 1,
        files: 1,
        calls: 1,
      },
    },
  );
  const lost = row({ end: "timeout", exitCode: undefined });

  test("ends 1 if any kernel corrupts, 125 if any has no verdict, else 0", () => {
    const codes = [[clean], [clean, lost], [lost, corrupt, clean], []].map(matrixExitCode);
    expect(codes).toEqual([0, 125, 1, 125]);
  });

  test("as text", () => {
    expect([tableHead(), ...[corrupt, clean, lost].map(tableRow)]).toEqual([
      "kernel              verdict       first finding  appends tried  racy path entered    boot",
      "6.1.170-3           corrupt               0.3 s             80           71 times   4.6 s",
      "6.1.170-3           clean                     -              9              never   4.6 s",
      "6.1.170-3           inconclusive              -              -                  -   4.6 s  no end within 60 s (while the script ran)",
    ]);
  });

  test("as KTAP version 1", () => {
    expect(matrixKtap([corrupt, clean, lost])).toBe(
      [
        "KTAP version 1",
        "1..3",
        "# verdict=corrupt attempts=80 reached=71 first_finding_seconds=0.25 boot_seconds=4.6",
        "# duplicated 10 bytes are repeated",
        "not ok 1 6.1.170-3",
        "# verdict=clean attempts=9 reached=0 first_finding_seconds=- boot_seconds=4.6",
        "ok 2 6.1.170-3",
        "# verdict=inconclusive attempts=- reached=unknown first_finding_seconds=- boot_seconds=4.6",
        "ok 3 6.1.170-3 # SKIP no end within 60 s (while the script ran)",
        "",
      ].join("\n"),
    );
  });

  test("as one JSON object with the script's own reports", () => {
    const text = matrixJson({ script: "x.ts", scriptArguments: ["--y"], durationSeconds: 3, rows: [corrupt] });
    expect(JSON.parse(text)).toEqual({
      schema: 2,
      tool: "lab matrix",
      verdict: "corrupt",
      script: "x.ts",
      scriptArguments: ["--y"],
      durationSeconds: 3,
      rows: [JSON.parse(JSON.stringify(corrupt))],
    });
  });
});
