import { expect, test } from "bun:test";
import { phrasesIn } from "../../../scripts/check/wording.ts";

/** Put together here: the rule reads this file too. */
const spelled = (...words: string[]) => words.join(" ");

test.each([
  spelled("the kernel", `${"sa"}ys no`),
  spelled("bytes that", `${"sto"}od there`),
  spelled("EPIPE", "is", "no failure"),
  spelled("a kernel that cannot", "be", "had"),
  spelled("tried in", "vain"),
  spelled("a file of", "which no byte was read"),
  spelled("the file", `${"be"}side it`),
  spelled("this is a", "matter", "of taste"),
])("%p is found, also where a line ends in it", (text) => {
  expect(phrasesIn("src/x.ts", `// ${text}\n`)).toHaveLength(1);
  expect(phrasesIn("src/x.ts", `/**\n * ${text.split(" ").join("\n * ")}\n */\n`)).toHaveLength(1);
});

test("the place is named, and what to write instead", () => {
  const text = `one\ntwo ${spelled("be", "had")}\n`;
  expect(phrasesIn("README.md", text)).toEqual([
    `README.md:2: "${spelled("be", "had")}": write is available, is unavailable`,
  ]);
});

test.each([
  "there is no room",
  "is no longer than that",
  "are no more than two",
  "standard input",
  "buffers, one of which the kernel selects",
  "nobody (uid 65534)",
  "two that it cannot tell apart",
])("%p is plain English", (text) => {
  expect(phrasesIn("src/x.ts", text)).toEqual([]);
});
