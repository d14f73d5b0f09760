/** The search over kernels, on patterns of good, bad and unjudged ones; changelog items. */
import { describe, expect, test } from "bun:test";
import { matchingItems, type Side, search } from "../../src/lab/bisect.ts";
import { packagesInside } from "../../src/lab/commands/bisect.ts";

/** One letter a kernel, oldest first: g good, b bad, s no verdict. */
async function run(pattern: string, expected: { low: "good" | "bad"; high: "good" | "bad" }) {
  const words: Record<string, Side> = { g: "good", b: "bad", s: "skip" };
  const asked: number[] = [];
  const judge = async (index: number) => {
    asked.push(index);
    return words[pattern[index] ?? ""] as Side;
  };
  const { low, high, contradiction } = await search({ count: pattern.length, expected, judge });
  return { low, high, contradiction, asked };
}

const FIX = { low: "bad", high: "good" } as const;
const BUG = { low: "good", high: "bad" } as const;

describe("search", () => {
  test("finds every border of every length, asking no kernel twice and few of them", async () => {
    for (let count = 2; count <= 20; count++) {
      for (let border = 1; border < count; border++) {
        const { low, high, asked } = await run("b".repeat(border) + "g".repeat(count - border), FIX);
        expect([low, high]).toEqual([border - 1, border]);
        expect(new Set(asked).size).toBe(asked.length);
        expect(asked.length).toBeLessThanOrEqual(2 + Math.ceil(Math.log2(count)));
      }
    }
  });

  test("finds the first bad one in the other direction", async () => {
    expect(await run("gggbb", BUG)).toMatchObject({ low: 2, high: 3 });
  });

  test("goes to the neighbour of a kernel without a verdict", async () => {
    expect(await run("bbsgg", FIX)).toMatchObject({ low: 1, high: 3 });
    expect(await run("bbbsgggg", FIX)).toMatchObject({ low: 2, high: 4 });
    expect(await run("bssssssg", FIX)).toMatchObject({ low: 0, high: 7, contradiction: undefined });
  });

  test("ends that do not differ as reported end the search at once", async () => {
    expect(await run("gggg", FIX)).toMatchObject({
      contradiction: "the kernel expected to be bad is good",
      asked: [0],
    });
    expect(await run("bbbs", FIX)).toMatchObject({ contradiction: "the kernel expected to be good gave no verdict" });
  });
});

test("changelog items are matched whole, wrapped lines joined", () => {
  const text = [
    "linux (6.12.94-1) trixie-security; urgency=high",
    "",
    "  * New upstream stable update:",
    "    https://www.kernel.org/pub/linux/kernel/v6.x/ChangeLog-6.12.91",
    "    - iomap: don't revert iov_iter on partially completed buffered",
    "      writes",
    "    - xfs: something else",
    "",
    "  [ A Maintainer ]",
    "  * [x86] IOMAP: not a word of its own",
    "",
    " -- A Maintainer <a@b>  Sat, 20 Jun 2026 07:03:00 +0200",
  ].join("\n");
  expect(matchingItems(text, "iomap")).toEqual([
    "iomap: don't revert iov_iter on partially completed buffered writes",
    "[x86] IOMAP: not a word of its own",
  ]);
});

test("a bisection walks one package of each version, rebuilds where there is no original, and keeps its ends", () => {
  const entry = (version: string, flavour = "cloud-amd64") => ({
    name: `linux-${version}`,
    version,
    flavour,
    suite: "s",
    sizeBytes: 1,
  });
  const versions = [
    "6.12.117-1",
    "6.16.3-1~bpo13+1",
    "6.12.117-1~bpo12+1",
    "7.2.9-1~bpo13+1",
    "7.2.9-1",
    "7.3.4-1~bpo13+1",
    "7.2.13-1",
  ];
  const all = [...versions.map((version) => entry(version)), entry("6.17.8-1", "amd64")];
  const inside = packagesInside(all, [entry("6.12.117-1"), entry("7.3.4-1~bpo13+1")], "cloud-amd64");
  expect(inside.map(({ version }) => version)).toEqual([
    ...["6.12.117-1", "6.16.3-1~bpo13+1", "7.2.9-1", "7.2.13-1", "7.3.4-1~bpo13+1"],
  ]);
});
