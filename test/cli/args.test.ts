/** The grammar of command lines, and the replay command that is made of it. */
import { describe, expect, test } from "bun:test";
import {
  type ArgumentSpecs,
  convert,
  type Definitions,
  flagName,
  parseDuration,
  parseSize,
  positionalName,
  UsageError,
} from "../../src/cli/args.ts";
import { usageText } from "../../src/cli/citty.ts";
import { inColumns } from "../../src/cli/columns.ts";
import { replayCommand } from "../../src/cli/replay.ts";
import { contradiction, parseArguments } from "../../src/cli/strict.ts";
import { shellWord } from "../../src/ops/shell.ts";

const SPECS = {
  positionals: {
    prefix: { kind: "path", optional: true, description: "where" },
    seconds: { kind: "duration", default: "60s", description: "how long" },
    fileMb: { kind: "count", default: 48, min: 1, max: 1000, description: "how large" },
  },
  options: {
    bytes: { kind: "size", default: "4GiB", min: 8, description: "how much" },
    door: { kind: "choice", choices: ["append", "offset"], default: "append", description: "which way" },
    keep: { kind: "flag", description: "keep files" },
    label: { kind: "text", optional: true, description: "a word" },
    seed: { kind: "count", optional: true, description: "decides" },
  },
} as const satisfies { positionals: ArgumentSpecs; options: ArgumentSpecs };

const DEFAULTS = { seconds: 60, fileMb: 48, bytes: 4 * 2 ** 30, door: "append", keep: false };

describe("sizes", () => {
  test.each([
    ["0", 0],
    ["4096", 4096],
    ["4096B", 4096],
    ["64KiB", 65536],
    ["1.5MiB", 1572864],
    ["2 GiB", 2147483648],
    ["1TiB", 2 ** 40],
    ["0x30000", 0x30000],
    ["0XfF", 255],
  ])("%s is %i bytes", (text, bytes) => expect(parseSize(text)).toBe(bytes));
  test.each([
    "",
    "KiB",
    "-1",
    "1KB",
    "1kib",
    "1e3",
    "0x",
    "0x1g",
    "0x1KiB",
    "-0x1",
    "0x20000000000000",
    "1.3B",
    "9007199254740993",
    "1GiB ",
    "NaN",
    "9999999TiB",
  ])("%j is none", (text) => expect(parseSize(text)).toBeUndefined());
});

describe("durations", () => {
  test.each([
    ["500ms", 0.5],
    ["30", 30],
    ["30s", 30],
    ["1.5m", 90],
    ["2h", 7200],
  ])("%s is %f seconds", (text, seconds) => expect(parseDuration(text)).toBe(seconds));
  test.each(["", "s", "-1", "abc", "1e9", "1 s", "1d", "Infinity"])("%j is none", (text) =>
    expect(parseDuration(text)).toBeUndefined(),
  );
});

describe("what is accepted", () => {
  const TABLE: [string[], Record<string, unknown>][] = [
    [[], {}],
    [["/x", "5", "12"], { prefix: "/x", seconds: 5, fileMb: 12 }],
    [["--seconds", "500ms"], { seconds: 0.5 }],
    [["--seconds=2m", "/x"], { prefix: "/x", seconds: 120 }],
    [["--file-mb=7", "--prefix", "p"], { prefix: "p", fileMb: 7 }],
    [["/x", "--file-mb", "7", "9"], { prefix: "/x", seconds: 9, fileMb: 7 }],
    [["--door", "offset", "--keep"], { door: "offset", keep: true }],
    [["--", "x", "3"], { prefix: "x", seconds: 3 }],
    [["--prefix=-x"], { prefix: "-x" }],
    [["-"], { prefix: "-" }],
    [["--label=a=b"], { label: "a=b" }],
    [["--label="], { label: "" }],
    [["--label=--keep"], { label: "--keep" }],
    [["--bytes", "0x1000"], { bytes: 4096 }],
    [["--bytes", "8"], { bytes: 8 }],
    [["a b\u00e9\n"], { prefix: "a b\u00e9\n" }],
  ];
  test.each(TABLE)("%j", (argv, expected) => {
    expect(parseArguments(argv, SPECS)).toEqual({ ...DEFAULTS, ...expected });
  });
});

describe("what is refused, with one line that names the cause and what to do", () => {
  const TABLE: [string[], string][] = [
    [["--bogus"], "unknown flag --bogus; --help lists the flags"],
    [["-k"], "unknown flag -k; --help lists the flags; write ./-k for a path of that name"],
    [["--Keep"], "unknown flag --Keep (did you mean --keep?); --help lists the flags"],
    [["--kepe"], "unknown flag --kepe (did you mean --keep?); --help lists the flags"],
    [["-1"], '"-1" begins with "-": write ./-1 for a path of that name'],
    [["---json"], '"---json" begins with "-": write ./---json for a path of that name'],
    [["--", "--keep", "3"], '"--keep" begins with "-": write ./--keep for a path of that name'],
    [["--", "--"], '"--" begins with "-": write ./-- for a path of that name'],
    [["--keep", "--keep"], "--keep was given twice"],
    [["--label", "--keep"], "--label needs a value, not --keep; write --label=--keep if it is one"],
    [["--prefix", "-x"], "--prefix needs a value, not -x; write --prefix=-x if it is one"],
    [["--secs=3"], "unknown flag --secs (did you mean --seconds?); --help lists the flags"],
    [["a", "1", "2", "b"], 'unexpected argument "b"; --help shows what can be given'],
    [["--keep=yes"], "--keep takes no value"],
    [["--seconds"], "--seconds needs a value"],
    [["--seconds", "1", "--seconds", "2"], "--seconds was given twice"],
    [["--bytes", "8", "--bytes", "9"], "--bytes was given twice"],
    [["x", "1", "--seconds", "2"], "--seconds was given twice"],
    [["--prefix", "p", "q"], "PREFIX was given twice"],
    [["--seed", "1", "--seed", "1"], "--seed was given twice"],
    [["x", "0"], 'SECONDS must be a time above 0 and up to 604800 seconds, such as 500ms, 30s or 2m, not "0"'],
    [["x", "abc"], 'SECONDS must be a time above 0 and up to 604800 seconds, such as 500ms, 30s or 2m, not "abc"'],
    [["x", "1e9"], 'SECONDS must be a time above 0 and up to 604800 seconds, such as 500ms, 30s or 2m, not "1e9"'],
    [["x", "-1"], 'SECONDS must be a time above 0 and up to 604800 seconds, such as 500ms, 30s or 2m, not "-1"'],
    [["x", "1", "0"], 'FILE_MB must be a whole number from 1 to 1000, not "0"'],
    [["--file-mb", "4.5"], '--file-mb must be a whole number from 1 to 1000, not "4.5"'],
    [["--seed", "-1"], '--seed must be a whole number of at least 0, not "-1"'],
    [["--seed", "99999999999999999999"], '--seed must be a whole number of at least 0, not "99999999999999999999"'],
    [["--bytes", "1KB"], '--bytes must be a size of at least 8 bytes such as 4096, 64KiB, 2GiB or 0x1000, not "1KB"'],
    [["--bytes", "7"], '--bytes must be a size of at least 8 bytes such as 4096, 64KiB, 2GiB or 0x1000, not "7"'],
    [["--door", "window"], '--door must be one of append, offset, not "window"'],
    [[""], "PREFIX must be a path, not an empty string"],
  ];
  test.each(TABLE)("%j", (argv, line) => {
    expect(() => parseArguments(argv, SPECS)).toThrow(new UsageError(line));
  });

  test("a required argument that is missing", () => {
    const specs = { positionals: { file: { kind: "path", description: "the file to judge" } }, options: {} } as const;
    expect(() => parseArguments([], specs)).toThrow(new UsageError("FILE is missing: the file to judge"));
  });
});

test("names as typed and as printed", () => {
  expect([flagName("fileMb"), positionalName("fileMb")]).toEqual(["--file-mb", "FILE_MB"]);
  expect(convert({ kind: "text", description: "" }, "x", "X")).toBe("x");
});

describe("the replay command parses to the same arguments", () => {
  const TABLE: [string[], string][] = [
    [[], "bun run t.ts --seed 9"],
    [["/x y", "5"], "bun run t.ts '/x y' 5 --seed 9"],
    [["/x", "60s", "12"], "bun run t.ts /x --file-mb 12 --seed 9"],
    [["--seconds", "500ms", "--keep"], "bun run t.ts --seconds 0.5 --keep --seed 9"],
    [["--label", "it's"], "bun run t.ts --label 'it'\\''s' --seed 9"],
    [["--bytes=64KiB", "--door=offset", "p", "1", "2"], "bun run t.ts p 1 2 --bytes 65536 --door offset --seed 9"],
    [["--prefix=-x"], "bun run t.ts --prefix=-x --seed 9"],
    [["-"], "bun run t.ts - --seed 9"],
    [["--label", ""], "bun run t.ts --label '' --seed 9"],
  ];
  test.each(TABLE)("%j", (argv, command) => {
    const args = parseArguments([...argv, "--seed", "9"], SPECS);
    expect(replayCommand("bun run t.ts", SPECS, args, 9)).toBe(command);
    // Through a real shell, as a person would paste it.
    const words = Bun.spawnSync(["sh", "-c", `printf '%s\\0' ${command}`])
      .stdout.toString()
      .split("\0")
      .slice(3, -1);
    expect(parseArguments(words, SPECS)).toEqual({ ...args, seed: 9 });
  });

  test("a path that is not UTF-8", () => {
    const bytes = new Uint8Array([0x2f, 0xff, 0x27, 0x20, 0x25, 0x5c, 0x30, 0xfe, 0x0a, 0x78]);
    expect(replayCommand("bun run t.ts", SPECS, { ...DEFAULTS, prefix: bytes }, 1)).toBe(
      `bun run t.ts "$(printf '/\\377\\047 \\045\\1340\\376\\012x')" --seed 1`,
    );
    const printed = Bun.spawnSync(["sh", "-c", `printf '%s' ${shellWord(bytes)}`]).stdout;
    expect(new Uint8Array(printed)).toEqual(bytes);
    expect(shellWord(Buffer.from("plain"))).toBe("plain");
  });

  test("shell words", () => {
    const nasty = ["a", "a b", "it's", "$HOME", "`x`", "a\nb", "*", "~", "", "\\", '"', "é", "-x", "a;b", "#"];
    const line = `printf '%s\\0' ${nasty.map(shellWord).join(" ")}`;
    expect(Bun.spawnSync(["sh", "-c", line]).stdout.toString().split("\0").slice(0, -1)).toEqual(nasty);
  });
});

describe("flags without effect are refused by what they declare", () => {
  const declared = {
    positionals: {},
    options: {
      door: { kind: "choice", choices: ["write", "ring", "offset"], default: "write", description: "" },
      depth: { kind: "count", default: 1, onlyWith: { door: ["ring", "offset"] }, description: "" },
      inject: { kind: "choice", choices: ["none", "lost"], default: "none", description: "" },
      hop: { kind: "text", optional: true, onlyWith: { inject: { not: "none" } }, description: "" },
      net: { kind: "flag", description: "" },
      edit: { kind: "count", optional: true, onlyWith: { net: true }, description: "" },
      ipv6: { kind: "flag", onlyWith: [{ door: "ring" }, { inject: "lost" }], description: "" },
      bytes: { kind: "size", optional: true, conflicts: ["seconds"], description: "" },
      seconds: { kind: "duration", optional: true, description: "" },
    },
  } as const satisfies Definitions;

  test.each([
    [["--depth", "2"], "--depth has no effect with --door write: it needs --door ring or offset"],
    [["--hop", "x"], "--hop has no effect with --inject none: it needs --inject (not none)"],
    [["--edit", "2"], "--edit has no effect without --net"],
    [["--ipv6"], "--ipv6 has no effect with --door write: it needs --door ring, or --inject lost"],
    [["--bytes", "1", "--seconds", "1"], "--bytes and --seconds cannot be given together"],
    [["--seconds", "1", "--bytes", "1"], "--bytes and --seconds cannot be given together"],
  ])("%j", (argv, line) => {
    expect(() => parseArguments(argv, declared)).toThrow(new UsageError(line));
  });

  test.each([
    [["--depth", "2", "--door", "ring"]],
    [["--inject", "lost", "--hop", "x", "--ipv6"]],
    [["--net", "--edit", "3"]],
    [["--seconds", "1"]],
    [[]],
  ])("%j is fine", (argv) => {
    expect(parseArguments(argv, declared)).toBeObject();
  });

  test("what was not typed is not reported", () => {
    expect(contradiction(declared, { depth: 2, door: "write" }, new Set(["door"]))).toBeUndefined();
  });
});

const LONG = Array.from({ length: 12 }, (_, index) => `choice-${index}`);

test("a terminal's width folds descriptions under themselves; a pipe gets one line each", () => {
  const text = "HEAD\n\n   --one    a few words about one\n  --second=<a|b>    more of them\n\nend";
  expect(inColumns(text)).toBe(
    "HEAD\n\n           --one    a few words about one\n  --second=<a|b>    more of them\n\nend",
  );
  expect(inColumns(text, 42).split("\n").slice(2, 5)).toEqual([
    "           --one    a few words about one",
    "  --second=<a|b>    more of them",
    "",
  ]);
  expect(inColumns(text, 40).split("\n").slice(2, 4)).toEqual([
    "           --one    a few words about",
    "                    one",
  ]);
  expect(
    inColumns(`   --x    ${"word ".repeat(9)}end`, 36)
      .split("\n")
      .every((line) => line.length <= 36),
  ).toBe(true);
});

test("usage is citty's, without colour on a pipe, and ends with the grammar and the codes", async () => {
  const text = await usageText({
    command: "bun run t.ts",
    summary: "does it",
    definitions: SPECS,
    description: "Long.",
  });
  expect(text).not.toContain("\x1b");
  expect(text.split("\n")[0]).toBe("does it (bun run t.ts)");
  expect(text).toMatch(/^USAGE bun run t\.ts \[OPTIONS\] \[PREFIX\] \[SECONDS\] \[FILE_MB\]$/m);
  expect(text).toMatch(/^ +--door=<append\|offset> +which way \(Default: append\)$/m);
  expect(text).toMatch(/^ +--bytes=<SIZE> +how much \(Default: 4GiB\)$/m);
  expect(text).toMatch(/^ +FILE_MB=<N> +how large \(also --file-mb\) \(Default: 48\)$/m);
  expect(text).toContain("\nLong.\n");
  // One long list of choices pushes no other name to the right.
  const long = {
    ...SPECS,
    options: { ...SPECS.options, way: { kind: "choice", choices: LONG, description: "how" } },
  } as const;
  const wide = await usageText({ command: "t", summary: "does it", definitions: long });
  expect(wide.split("\n").filter((line) => /^ {25}/.test(line))).toEqual([]);
  expect(wide).toContain(`\n  --way=<${LONG.join("|")}>    how`);
  expect(text).toContain("Exit codes: 0 verified and clean, 1 corruption found, 125 skipped or inconclusive,");
});
