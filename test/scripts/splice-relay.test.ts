/** splice-relay as a process: clean runs, every injected damage found exactly, hops, bad input. */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import type { TraceEvent } from "../../src/evidence/perfetto.ts";
import { EDIT_BYTES, EDIT_VALUE } from "../../src/ops/packet-editor.ts";
import { counter } from "../../src/pattern/counter.ts";
import { type RelayArguments, runPlanOf } from "../../src/workload/relay/arguments.ts";
import { needed } from "../needed.ts";
import { command, reportOf } from "./command.ts";

const MIB = 1024 * 1024;
/** What the plan of a run with an injection asks of its arguments. */
const PLAIN = { connections: 1, pipeSize: MIB, feed: "counter", from: "tcp", to: "tcp", journal: "on", timeout: 30 };

async function relay(...args: string[]) {
  const ran = await command("splice-relay", [...args, "--json", "--quiet"], { timeoutMs: 30_000 });
  return { ran, report: reportOf(ran) };
}

function total(report: { totals: Record<string, number> }, name: string): number {
  const value = report.totals[name];
  if (value === undefined) throw new Error(`the report has no total "${name}"`);
  return value;
}

test("a clean run verifies every byte that was sent and exits 0", async () => {
  const { ran, report } = await relay("--bytes", "16MiB", "--seed", "1");
  expect([ran.code, report.verdict, report.findings]).toEqual([0, "clean", []]);
  expect([report.totals.bytesWritten, report.totals.bytesVerified]).toEqual([16 * MIB, 16 * MIB]);
  expect(report.totals.calls).toBeGreaterThan(2);
});

test.each(["poll", "uring"])("both ends of every call of the relay are in the trace: engine %s", async (engine) => {
  const directory = mkdtempSync(`${os.tmpdir()}/relay-trace-`);
  try {
    const trace = `${directory}/t.json`;
    const flags = ["--bytes", "8MiB", "--seed", "1", "--engine", engine, "--trace", trace];
    const { ran, report } = await relay(...flags);
    expect(ran.code).toBe(0);
    const { traceEvents } = JSON.parse(readFileSync(trace, "utf8")) as { traceEvents: TraceEvent[] };
    const calls = traceEvents.filter(({ pid, ph }) => pid === 2 && ph === "X");
    expect(calls.filter(({ args }) => Number(args?.result) > 0).length).toBe(total(report, "calls"));
    // One thread ends a call before it makes the next one; a ring has one call at a time for each kind and direction.
    const tracks = engine === "poll" ? [undefined] : [...new Set(calls.map(({ tid }) => tid))];
    for (const track of tracks) {
      const mine = calls.filter(({ tid }) => track === undefined || tid === track);
      for (const [index, { ts = 0, dur = 0 }] of mine.entries()) {
        expect(dur).toBeGreaterThan(0);
        const next = mine[index + 1]?.ts ?? Infinity;
        expect(ts + dur).toBeLessThanOrEqual(next + 0.001);
      }
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("a stream of zero bytes is inconclusive, 125", async () => {
  const { ran, report } = await relay("--bytes", "0");
  expect([ran.code, report.verdict, report.totals.bytesVerified]).toEqual([125, "inconclusive", 0]);
});

test.each([
  [["--connections", "40"]],
  [["--from", "file", "--to", "file"]],
  [["--from", "pipe", "--to", "unix"]],
  [["--from", "unix", "--to", "pipe"]],
  [["--feed", "zero"]],
  [["--ipv6"]],
  [["--wait", "always", "--pipe-size", "64KiB"]],
  [["--nonblock", "off", "--read", "empty"]],
  [["--move", "off", "--chunks", "one", "--pipe-size", "4096"]],
  [["--tap"]],
  [["--engine", "uring"]],
])("clean: %p", async (options) => {
  const { ran, report } = await relay("--bytes", "8MiB", ...options);
  expect([ran.code, report.verdict]).toEqual([0, "clean"]);
  expect(report.totals.bytesVerified).toBeGreaterThanOrEqual(8 * MIB);
  expect(report.totals.bytesVerified).toBe(report.totals.bytesWritten);
});

/** Edges may slide over bytes that are the same on both sides: pattern bytes that are zero, bytes equal to the copy's. */
const SLIDES = { foreign: 0, "two-chunks": 0, "bit-flipped": 0, zeroed: 7, duplicated: 7, lost: 7 } as const;

test.each(Object.keys(SLIDES) as (keyof typeof SLIDES)[])(
  "injected %s is found: range, kind and call",
  async (kind) => {
    const { ran, report } = await relay("--bytes", "12MiB", "--inject", kind, "--seed", "11");
    expect([ran.code, report.verdict, report.findings.length]).toEqual([1, "corrupt", 1]);
    const [finding] = report.findings;
    if (finding === undefined) throw new Error("no finding");
    expect(finding.kind).toBe(kind === "two-chunks" ? "foreign" : kind);
    const slide = SLIDES[kind];
    const atBytes = total(report, "injectedAtBytes");
    const lengthBytes = total(report, "injectedBytes");
    expect(Math.abs(finding.offsetBytes - atBytes)).toBeLessThanOrEqual(slide);
    expect(Math.abs(finding.lengthBytes - lengthBytes)).toBeLessThanOrEqual(kind === "zeroed" ? 2 * slide : 0);
    const spliceIn = total(report, "injectedSpliceIn");
    const bringing = finding.calls?.find((call) => call.what === "splice-in" && call.index === spliceIn);
    expect(bringing).toMatchObject({ result: total(report, "injectedChunkBytes") });
    expect(bringing?.streamOffsetBytes).toBe(total(report, "injectedChunkAtBytes"));
    expect(finding.calls?.some((call) => call.what === "splice-out")).toBe(true);
    if (kind !== "bit-flipped") expect(finding.detail).toContain(`exactly splice-in #${spliceIn} of `);
    if (kind === "duplicated") expect(finding.originBytes).toBe(finding.offsetBytes - lengthBytes);
  },
);

test("the report's shape: two chunks in one splice-out, the first replaced", async () => {
  const { report } = await relay("--bytes", "8MiB", "--inject", "two-chunks", "--seed", "5");
  const [finding] = report.findings;
  const out = finding?.calls?.find((call) => call.what === "splice-out");
  const words =
    /exactly splice-in #(\d+) of (\d+) bytes, sent together with #(\d+) \((\d+)\) in splice-out #\d+ of (\d+)/;
  const [, first, firstBytes, second, secondBytes, outBytes] = words.exec(finding?.detail ?? "") ?? [];
  expect(Number(second)).toBe(Number(first) + 1);
  expect(Number(firstBytes) + Number(secondBytes)).toBe(Number(outBytes));
  expect(out).toMatchObject({ result: Number(outBytes), streamOffsetBytes: finding?.offsetBytes });
});

test.each([
  ["in", "the tap saw it"],
  ["out", "the tap saw good bytes"],
  ["sink", "two reads of the same bytes differed"],
])("the tap attributes damage at hop %s", async (hop, words) => {
  const { ran, report } = await relay("--bytes", "12MiB", "--tap", "--inject", "foreign", "--inject-hop", hop);
  expect([ran.code, report.findings.length]).toEqual([1, 1]);
  expect(report.findings[0]?.detail).toContain(words);
  expect(report.totals.bytesTapped).toBe(12 * MIB);
});

test("damage is attributed to its connection among many", async () => {
  const { ran, report } = await relay("--bytes", "16MiB", "--connections", "8", "--inject", "lost", "--seed", "3");
  expect([ran.code, report.findings.length]).toEqual([1, 1]);
  expect(report.findings[0]?.file).toBe(`connection ${total(report, "injectedConnection")}`);
});

test.each([
  [["--nonblock", "off"], "--read empty"],
  [["--listen", "127.0.0.1:1"], "unknown flag --listen"],
  [["sorce"], "did you mean source?"],
  [["relay", "--listen", ":1", "--connect", ":2", "--namespaces"], "unknown flag --namespaces"],
  [["sink", "--connect", ":1", "--inject", "lost"], "unknown flag --inject"],
  [["--inject-hop", "out"], "no effect with --inject none"],
  [["--journal", "off", "--calls", "5"], "no effect with --journal off"],
  [["--engine", "uring", "--tap"], "no effect with --engine uring"],
  [["sink"], "--connect"],
  [["--bytes", "1MiB", "--seconds", "2"], "--seconds"],
  [["relay", "--listen", ":1", "--connect", ":2", "--bytes", "1MiB"], "--tap"],
  [["source"], "--listen"],
  [["relay", "--listen", ":1"], "--connect"],
  [["relay", "--listen", "nonsense", "--connect", "127.0.0.1:1"], "nonsense"],
  [["sink", "--connect", "no-such-host.invalid:1"], "does not resolve"],
  [["--pipe-size", "64"], "--pipe-size"],
  [["--connections", "2", "--to", "file"], "--connections has no effect with --to file"],
  [["--bogus"], "unknown flag"],
])("bad input %p is one line and 254", async (args, words) => {
  const ran = await command("splice-relay", args);
  expect([ran.code, ran.stdout]).toEqual([254, ""]);
  expect(ran.stderr.trim().split("\n").length).toBe(1);
  expect(ran.stderr).toContain(words);
});

test.skipIf(needed("root", "ip"))("segments cross veth devices between namespaces", async () => {
  const { ran, report } = await relay("--namespaces", "--mss", "1460", "--bytes", "1MiB");
  expect([ran.code, report.totals.bytesVerified]).toEqual([0, MIB]);
  const lines = report.sections?.find((section) => section.title.includes("first"))?.lines ?? [];
  expect(lines.some((line) => /splice\(server, pipe, 0x[0-9a-f]+, 0x3\) = \d+/.test(line))).toBe(true);
});

/** Offset and length of the edit that touches a byte: its first or last bytes may be right by chance. */
function visibleEdit(touchedBytes: number): [number, number] {
  // Segments of 1448 bytes begin at words.
  const from = touchedBytes - (touchedBytes % 8);
  const { feed } = runPlanOf({ bytes: 8 * MIB, connections: 1, inject: "none" } as RelayArguments, 7);
  const expected = new Uint8Array(EDIT_BYTES);
  counter({ generation: feed.generation }).fill(expected, from);
  const wrong = [...Buffer.from(EDIT_VALUE, "hex").entries()].filter(([at, byte]) => byte !== expected[at]);
  const [first, last] = [wrong[0]?.[0] ?? 0, wrong.at(-1)?.[0] ?? 0];
  return [from + first, last - first + 1];
}

test.skipIf(needed("root", "ip", "nft"))(
  "packets edited by the kernel, no code of ours: found one for one",
  async () => {
    const flags = ["--namespaces", "--edit", "40", "--bytes", "8MiB", "--tap", "--seed", "7"];
    let { ran, report } = await relay(...flags);
    // An edited segment that TCP sends again, because a busy machine acknowledged late, arrives twice and one is dropped.
    for (let again = 0; again < 2 && report.findings.length < total(report, "editedPackets"); again += 1) {
      ({ ran, report } = await relay(...flags));
    }
    expect([ran.code, report.verdict]).toEqual([1, "corrupt"]);
    expect(report.findings.length).toBe(total(report, "editedPackets"));
    for (const { kind, offsetBytes, lengthBytes, detail } of report.findings) {
      expect([kind, offsetBytes, lengthBytes]).toEqual(["foreign", ...visibleEdit(offsetBytes)]);
      expect(detail).toContain("the tap saw it");
    }
  },
);

test.each(["in", "out", "sink"] as const)(
  "hop %s: the seed alone decides which bytes are damaged",
  async (injectHop) => {
    const wanted = runPlanOf({ ...PLAIN, bytes: 12 * MIB, inject: "foreign", injectHop } as RelayArguments, 11).shape
      .injection;
    for (const flags of [[], ["--wait", "always", "--pipe-size", "64KiB"]]) {
      const inject = ["--inject", "foreign", "--inject-hop", injectHop, "--seed", "11"];
      const { ran, report } = await relay("--bytes", "12MiB", ...inject, ...flags);
      const [finding] = report.findings;
      expect([ran.code, report.findings.length]).toEqual([1, 1]);
      expect([finding?.offsetBytes, finding?.lengthBytes]).toEqual([wanted?.fromBytes, wanted?.lengthBytes]);
    }
  },
);
