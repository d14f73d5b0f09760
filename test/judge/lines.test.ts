/** Short numbered lines, as `seq` writes them: each edit of whole lines is one finding, and the first number is learned. */
import { describe, expect, test } from "bun:test";
import { Judge } from "../../src/judge/judge.ts";
import { learnLines } from "../../src/pattern/learn-lines.ts";
import { lines } from "../../src/pattern/lines.ts";

const LINES = 3000;
const bytesOf = (text: readonly string[]) => new Uint8Array(Buffer.from(text.map((line) => `${line}\n`).join("")));

function judged(good: readonly string[], found: readonly string[], options: Parameters<typeof lines>[0]) {
  const judge = new Judge({ pattern: lines(options), startBytes: 0, file: "text", expectBytes: bytesOf(good).length });
  judge.push(bytesOf(found));
  return judge.finish().findings.map(({ kind }) => kind);
}

describe.each([
  ["seq 1 3000", (number: number) => `${number + 1}`, { prefix: "", suffix: "", digits: 1, start: 1 }],
  [
    "seq 999000 1002000",
    (number: number) => `${number + 999_000}`,
    { prefix: "", suffix: "", digits: 1, start: 999_000 },
  ],
  [
    "padded, with a prefix",
    (number: number) => `msg ${String(number).padStart(6, "0")}`,
    { prefix: "msg ", suffix: "", digits: 6, start: 0 },
  ],
] as const)("%s", (_name, line, options) => {
  const good = Array.from({ length: LINES }, (_, number) => line(number));
  const AT = 1234;
  const edit = (change: (text: string[]) => unknown) => {
    const text = good.slice();
    change(text);
    return judged(good, text, options);
  };
  const swap = (text: string[], a: number, b: number) => {
    [text[a], text[b]] = [text[b] as string, text[a] as string];
  };

  test.each([
    ["nothing", () => {}, []],
    ["two neighbours swapped", (text: string[]) => swap(text, AT, AT + 1), ["misplaced"]],
    ["two nearby lines swapped", (text: string[]) => swap(text, AT, AT + 7), ["misplaced", "misplaced"]],
    ["a line moved down", (text: string[]) => text.splice(AT + 9, 0, ...text.splice(AT, 1)), ["misplaced"]],
    ["a line moved up", (text: string[]) => text.splice(AT, 0, ...text.splice(AT + 9, 1)), ["misplaced"]],
    ["ten lines moved", (text: string[]) => text.splice(AT + 30, 0, ...text.splice(AT, 10)), ["misplaced"]],
    ["a line of elsewhere in place", (text: string[]) => text.splice(AT, 1, text[AT + 1555] as string), ["misplaced"]],
    ["a line lost", (text: string[]) => text.splice(AT, 1), ["lost"]],
    ["a line repeated", (text: string[]) => text.splice(AT, 0, text[AT] as string), ["duplicated"]],
    ["a line cut", (text: string[]) => text.splice(AT, 1, (text[AT] as string).slice(0, -2)), ["lost"]],
    ["two lines joined", (text: string[]) => text.splice(AT, 2, `${text[AT]}${text[AT + 1]}`), ["lost"]],
  ] as const)("%s", (_edit, change, kinds) => {
    expect(edit(change)).toEqual([...kinds]);
  });
});

test.each([
  ["nothing wrong", (text: string[]) => text, 7],
  ["a lost line further on", (text: string[]) => text.toSpliced(50, 1), 7],
  ["a lost second line", (text: string[]) => text.toSpliced(1, 1), 7],
  ["a repeated first line", (text: string[]) => [text[0] as string, ...text], 7],
  ["a destroyed first line", (text: string[]) => ["?", ...text.slice(1)], 7],
  ["a first line with a wrong digit", (text: string[]) => ["n=97.", ...text.slice(1)], 7],
] as const)("where the numbers begin is learned with %s", (_damage, damaged, start) => {
  const text = Array.from({ length: 600 }, (_, number) => `n=${number + 7}.`);
  expect(learnLines(bytesOf(damaged(text)))).toEqual({ prefix: "n=", suffix: ".", digits: 1, start });
});
