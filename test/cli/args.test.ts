/** The grammar of command lines, and the replay command that is made of it. */
import { describe, expect, test } from "bun:test";
import {
  type ArgumentSpecs,
  convert,
  flagName,
  parseArguments,
  parseDuration,
  parseSize,
  positionalName,
  UsageError,
} from "../../src/cli/args.ts";
import { helpText } from "../../src/cli/help.ts";
import { replayCommand, shellWord } from "../../src/cli/replay.ts";
import { expectGolden } from "../golden.ts";

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
    [["--keep", "--keep"], { keep: true }],
    [["--", "--keep", "3"], { prefix: "--keep", seconds: 3 }],
    [["--", "--"], { prefix: "--" }],
    [["-"], { prefix: "-" }],
    [["--label=a=b"], { label: "a=b" }],
    [["--label="], { label: "" }],
    [["--label", "--keep"], { label: "--keep" }],
    [["--bytes", "8"], { bytes: 8 }],
    [["a b\u00e9\n"], { prefix: "a b\u00e9\n" }],
  ];
  test.each(TABLE)("%j", (argv, expected) => {
    expect(parseArguments(argv, SPECS)).toEqual({ ...DEFAULTS, ...expected });
  });
});

describe("what is refused, with one line that says what and what to do", () => {
  const TABLE: [string[], string][] = [
    [["--bogus"], "unknown flag --bogus; --help lists the flags"],
    [["-k"], "unknown flag -k; --help lists the flags"],
    [["--Keep"], "unknown flag --Keep; --help lists the flags"],
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
    [["--", "--keep"], "bun run t.ts --prefix --keep --seed 9"],
    [["--label", ""], "bun run t.ts --label '' --seed 9"],
  ];
  test.each(TABLE)("%j", (argv, command) => {
    const args = parseArguments([...argv, ...(argv.includes("--") ? [] : ["--seed", "9"])], SPECS);
    expect(replayCommand("t.ts", SPECS, args, 9)).toBe(command);
    // Through a real shell, as a person would paste it.
    const words = Bun.spawnSync(["sh", "-c", `printf '%s\\0' ${command}`])
      .stdout.toString()
      .split("\0")
      .slice(3, -1);
    expect(parseArguments(words, SPECS)).toEqual({ ...args, seed: 9 });
  });

  test("a path that is no UTF-8", () => {
    const bytes = new Uint8Array([0x2f, 0xff, 0x27, 0x20, 0x25, 0x5c, 0x30, 0xfe, 0x0a, 0x78]);
    expect(replayCommand("t.ts", SPECS, { ...DEFAULTS, prefix: bytes }, 1)).toBe(
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

test("the help text", () => {
  const long = { name: "t", summary: "does it", description: "Long words about what it does. ".repeat(8).trim() };
  const text = helpText(long, SPECS);
  expect(text.split("\n").every((line) => line.length <= 110)).toBe(true);
  expectGolden(import.meta.dir, "help", text);
});
