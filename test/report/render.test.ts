/** The renderers on made-up reports: text and KTAP as whole values, dumps, strips and pictures by their rules. */
import { describe, expect, test } from "bun:test";
import type { Segment } from "../../src/judge/finding.ts";
import { judgeBytes } from "../../src/judge/judge.ts";
import { applyEdits } from "../../src/judge/planted-damage.ts";
import { counter } from "../../src/pattern/counter.ts";
import type { ReportedFinding, RunReport } from "../../src/report/document.ts";
import { hexdump } from "../../src/report/hexdump.ts";
import { renderJson, renderKtap, renderStrip, renderSvg, renderText } from "../../src/report/index.ts";
import { renderMail } from "../../src/report/mail.ts";
import { reported } from "../../src/report/sentence.ts";
import { cellsOf, withGaps } from "../../src/report/strip.ts";
import { expectGolden } from "../golden.ts";

const base: RunReport = {
  schema: 2,
  tool: "uring-append",
  version: "0.1.0",
  verdict: "clean",
  seed: 42,
  replay: "bun run uring-append.ts /mnt/x/repro 60 48 --seed 42",
  durationSeconds: 12.345,
  environment: {
    kernel: "6.1.170",
    arch: "x86_64",
    bun: "1.4.5",
    cpus: 2,
    memoryBytes: 1073741824,
    filesystem: "xfs",
    privileged: true,
  },
  workload: {},
  trigger: { reached: 71, attempts: 480, how: "EAGAIN and short results" },
  totals: { bytesWritten: 50331648, bytesVerified: 50331648, files: 1, calls: 5 },
  findings: [],
  artifacts: [],
};

const STREAM_BYTES = 9_000_000;

/** Report 1's shape, with the call that carried the bytes. */
function corrupt(): RunReport {
  const pattern = counter();
  const edits = [{ kind: "duplicated", offsetBytes: 7_602_176, lengthBytes: 1_937_408 }] as const;
  const { bytes } = applyEdits(edits, { pattern, lengthBytes: STREAM_BYTES });
  const { findings, segments } = judgeBytes(bytes, { pattern, expectBytes: STREAM_BYTES, file: "/mnt/x/repro.7" });
  const calls = [
    {
      what: "writev",
      index: 3,
      atNs: 812_345_678,
      endNs: 815_345_678,
      requestedBytes: 8_388_608,
      result: 8_388_608,
      streamOffsetBytes: 5_664_768,
    },
    { what: "writev", index: 4, atNs: 912_345_678, requestedBytes: 4096, result: -11 },
  ];
  return {
    ...base,
    verdict: "corrupt",
    findings: findings.map((finding) => reported({ ...finding, calls })),
    segments,
    artifacts: ["/mnt/x/repro.7"],
  };
}

describe("text", () => {
  test("a corrupt run: verdict, finding, dump, sentence, calls, map, kept files, replay, place", () => {
    expectGolden(import.meta.dir, "corrupt", renderText(corrupt(), { color: false, columns: 80 }));
  });

  test("a clean run counts how often the racy path was entered", () => {
    expectGolden(import.meta.dir, "clean", renderText(base, { color: false, columns: 80 }));
  });

  test.each([
    [
      { reached: 0, attempts: 480, how: "tracepoints" },
      "racy path: never entered in 480 attempts (tracepoints): this run proves little",
    ],
    [
      { reached: null, attempts: 9, how: "unknown without root" },
      "racy path: unknown (unknown without root); 9 attempts",
    ],
    [{ reached: 1, attempts: 1, how: "short results" }, "racy path: entered 1 time in 1 attempt (short results)"],
  ])("trigger %p", (trigger, line) => {
    expect(renderText({ ...base, trigger }, { color: false, columns: 80 }).split("\n")).toContain(line);
  });

  test("an inconclusive run gives its reason in the second line", () => {
    const report: RunReport = { ...base, verdict: "inconclusive", reason: "nothing was verified" };
    const lines = renderText(report, { color: false, columns: 80 }).split("\n");
    expect(lines[0]).toStartWith("INCONCLUSIVE");
    expect(lines[1]).toBe("reason: nothing was verified");
  });

  test("many findings: eight in full, the others in a line each, the rest counted", () => {
    const finding = (i: number): ReportedFinding => ({
      kind: "zeroed",
      offsetBytes: i * 4096,
      lengthBytes: 8,
      pageAligned: true,
      detail: "eight zeros",
    });
    const findings = Array.from({ length: 100 }, (_, i) => finding(i));
    const lines = renderText(
      { ...base, verdict: "corrupt", findings, findingsLeftOut: 7 },
      { color: false, columns: 80 },
    ).split("\n");
    expect(lines[0]).toStartWith("CORRUPT: 107 findings");
    expect(lines.filter((line) => line.includes("length  8 bytes")).length).toBe(8);
    expect(lines).toContain("9. zeroed at 32,768 (0x8000), 8 bytes: eight zeros");
    expect(lines).toContain("43 more findings left out");
  });

  test("colour adds escapes and nothing else", () => {
    const plain = renderText(corrupt(), { color: false, columns: 80 });
    const coloured = renderText(corrupt(), { color: true, columns: 80 });
    expect(plain).not.toContain("\u001b");
    expect(coloured).toContain("\u001b[31m");
    expect(Bun.stripANSI(coloured)).toBe(plain);
  });
});

test("control characters in a name are spelled out, in every rendering for people", () => {
  const name = "/x/\u001b[31mred\u009b\u0007";
  const [finding] = corrupt().findings;
  if (finding === undefined) throw new Error("no finding");
  const report = { ...corrupt(), findings: [{ ...finding, file: name }], artifacts: [name], reason: name };
  for (const text of [renderText(report, { color: false, columns: 80 }), renderKtap(report), renderMail(report)]) {
    for (const letter of ["\u001b", "\u009b", "\u0007"]) expect(text).not.toContain(letter);
    expect(text).toContain("\\x1b[31mred");
  }
  expect(JSON.parse(renderJson(report)).artifacts).toEqual([name]);
});

test("JSON is one object, the report itself", () => {
  const text = renderJson(corrupt());
  expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(corrupt())));
  expect(text).toEndWith("}\n");
});

describe("KTAP", () => {
  test("a corrupt run", () => {
    expectGolden(import.meta.dir, "corrupt-ktap", renderKtap(corrupt()));
  });

  test("a clean run has twelve subtests, all ok", () => {
    const lines = renderKtap(base).split("\n");
    expect(lines.slice(0, 4)).toEqual(["KTAP version 1", "1..1", "  KTAP version 1", "  1..12"]);
    expect(lines.filter((line) => line.startsWith("  ok ")).length).toBe(12);
    expect(lines.at(-2)).toBe("ok 1 uring-append");
  });

  test("a skipped run is ok with a directive; a # of ours is not a directive", () => {
    const text = renderKtap({ ...base, verdict: "skipped", reason: "needs xfs: see bug #12" });
    expect(text.split("\n").at(-2)).toBe("ok 1 uring-append # SKIP needs xfs: see bug no. 12");
    expect(text).not.toContain("1..12");
  });
});

describe("hex dump", () => {
  const sample = { offsetBytes: 0x3750, expectedHex: "a81922c4fd6a8c8e08240129", foundHex: "a81922c40200000000000000" };
  test("marks what differs, as report 2 shows it", () => {
    expect(hexdump(sample)).toEqual([
      "- 003750  a8 19 22 c4 fd 6a 8c 8e 08 24 01 29",
      "+ 003750  a8 19 22 c4 02 00 00 00 00 00 00 00",
      "                      ^^ ^^ ^^ ^^ ^^ ^^ ^^ ^^",
    ]);
  });

  test("lines begin at multiples of sixteen, equal lines appear once, missing bytes count as different", () => {
    const found = "00".repeat(24);
    expect(hexdump({ offsetBytes: 8, expectedHex: found.slice(0, 44), foundHex: found })).toEqual([
      "  000000                          00 00 00 00 00 00 00 00",
      "- 000010  00 00 00 00 00 00 00 00 00 00 00 00 00 00",
      "+ 000010  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
      "                                                    ^^ ^^",
    ]);
  });
});

describe("the strip", () => {
  const segments: Segment[] = [
    { offsetBytes: 0, lengthBytes: 2 ** 30, kind: "intact" },
    { offsetBytes: 2 ** 30, lengthBytes: 1, kind: "bit-flipped" },
    { offsetBytes: 2 ** 30 + 1, lengthBytes: 2 ** 30 - 1, kind: "intact" },
  ];

  test("never averages a bad byte away", () => {
    for (const count of [1, 2, 7, 80, 1000]) {
      expect(cellsOf(segments, count).filter((kind) => kind === "bit-flipped").length).toBe(1);
    }
  });

  test.each([80, 40, 20, 10, 3, 1])("fits a terminal of %d columns", (columns) => {
    const lines = renderStrip(segments, { color: false, columns });
    for (const line of lines.slice(0, -2)) expect(line.length).toBeLessThanOrEqual(columns);
    expect(lines.join("")).toContain("b");
  });

  test.each([0, Number.NaN, Number.POSITIVE_INFINITY, -5])("takes %d columns for no terminal: eighty", (columns) => {
    expect(renderStrip(segments, { color: false, columns })).toEqual(
      renderStrip(segments, { color: false, columns: 80 }),
    );
  });

  test("names the shapes that occur, worst cell first wins", () => {
    const mixed: Segment[] = [
      { offsetBytes: 0, lengthBytes: 10, kind: "duplicated" },
      { offsetBytes: 10, lengthBytes: 10, kind: "foreign" },
    ];
    expect(cellsOf(mixed, 1)).toEqual(["foreign"]);
    const lines = renderStrip(mixed, { color: false, columns: 14 });
    expect(lines).toEqual([" 0  DDDDDDDDDD", "10  ##########", "D duplicated  # foreign", "one cell = 1 byte"]);
  });

  test.each([
    ["lost", 0, 0],
    ["lost", 50, 5],
    ["truncated", 100, 9],
  ] as const)("a file that lacks bytes is not drawn as intact: %s at %d", (kind, offsetBytes, at) => {
    const intact: Segment[] = [{ offsetBytes: 0, lengthBytes: 100, kind: "intact" }];
    const gone = [{ kind, offsetBytes, lengthBytes: 4096, pageAligned: false, detail: "" }];
    const cells = cellsOf(withGaps(intact, gone), 10);
    expect(cells.flatMap((cell, index) => (cell === "intact" ? [] : [[cell, index]]))).toEqual([[kind, at]]);
    const text = renderText(
      { ...base, verdict: "corrupt", findings: gone, segments: intact },
      { color: false, columns: 80 },
    );
    expect(text).toContain(kind === "lost" ? "L lost" : "< truncated");
    expect(renderSvg(withGaps(intact, gone), { title: "a file" })).toContain(`>${kind}</text>`);
  });

  test("of nothing is nothing", () => {
    expect(renderStrip([], { color: false, columns: 80 })).toEqual([]);
  });
});

test("the picture is one self-contained SVG with a legend and no markup from names", () => {
  const svg = renderSvg(corrupt().segments ?? [], { title: `<script>&"` });
  expect(svg).toStartWith('<svg xmlns="http://www.w3.org/2000/svg"');
  expect(svg).toContain("&lt;script&gt;&amp;&quot;: 10,937,408 bytes");
  expect(svg).toContain(">duplicated</text>");
  expect(svg).not.toContain("<script");
  expect(svg.match(/<rect /g)?.length).toBe(1 + 64 * 16 + 2);
});
