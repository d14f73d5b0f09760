/** Words as a shell reads them back: whatever a name holds, and without a byte that a terminal would obey. */
import { expect, test } from "bun:test";
import { shellWord } from "../../src/ops/shell.ts";

test.each([
  "plain",
  "with space",
  "it's",
  "-x",
  "\u001b[31m",
  "a\nb",
  "a\tb",
  "\u009b",
  "\u202e",
  "ä€",
  '$(x)`"\\',
  "%d\\033\u0007",
])("%j", (word) => {
  const pasted = shellWord(word);
  expect(Bun.spawnSync(["sh", "-c", `printf %s ${pasted}`]).stdout.toString()).toBe(word);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  expect(pasted).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202e]/);
});

test("bytes that are no UTF-8", () => {
  const word = Uint8Array.of(0x61, 0xff, 0x25, 0x1b, 0x5c, 0x27);
  const { stdout } = Bun.spawnSync(["sh", "-c", `printf %s ${shellWord(word)}`]);
  expect(new Uint8Array(stdout)).toEqual(word);
});
