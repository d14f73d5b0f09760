/** The table of known kernels: its shape, and what the changelogs state that packages carry. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { allCases } from "../../src/survey/cases.ts";
import { describeCases } from "../../src/survey/list.ts";
import { kernelPlace } from "../../src/survey/range.ts";
import { lacking } from "../needed.ts";

const cases = allCases();
const descriptions = await describeCases(cases);
const table = descriptions.flatMap((description, index) =>
  description?.known === undefined ? [] : [{ name: cases[index]?.name ?? "", known: description.known }],
);

test("every case describes itself, and all but the examples state where their bug is", () => {
  expect(cases.filter((_, index) => descriptions[index] === undefined)).toEqual([]);
  const without = cases.filter((_, index) => descriptions[index]?.known === undefined).map(({ name }) => name);
  expect(without.filter((name) => name !== "two-rings")).toEqual([]);
});

describe("each entry", () => {
  test.each(table)("$name: versions in order, one for each series, a source", ({ known }) => {
    expect(known.source).not.toBe("");
    const numbers = known.firstFixed.map(
      (version) => /^\d+\.\d+(\.\d+)?$/.exec(version)?.[0]?.split(".").map(Number) ?? [],
    );
    expect(numbers.every((parts) => parts.length >= 2)).toBe(true);
    const series = numbers.map(([major = 0, minor = 0]) => major * 1000 + minor);
    expect(series).toEqual([...new Set(series)].sort((a, b) => a - b));
    if (known.firstFixed.length > 0) expect(known.fix).not.toBe("");
    for (const version of known.firstFixed) expect(kernelPlace(known, version)).toBe("fixed");
  });
});

const KERNELS = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "bytewitness/lab/kernels");

interface Item {
  /** The stable update that the item came with: "6.12.91". */
  readonly version: string;
  readonly text: string;
}

/** The items of a changelog below the address of the stable update that they came with, wrapped lines joined. */
function itemsOf(changelog: string): Item[] {
  const items: { version: string; text: string }[] = [];
  let version = "";
  for (const line of changelog.split("\n")) {
    const update = /ChangeLog-(\d+\.\d+(?:\.\d+)?)\s*$/.exec(line)?.[1];
    const start = /^\s+[-*] (.*)$/.exec(line)?.[1];
    const last = items.at(-1);
    if (/^\S/.test(line)) version = "";
    else if (update !== undefined) version = update;
    else if (start !== undefined) items.push({ version, text: start });
    else if (/^\s{4,}\S/.test(line) && last !== undefined) last.text += ` ${line.trim()}`;
  }
  return items.filter((item) => item.version !== "");
}

test("changelog items belong to the stable update above them", () => {
  const text = [
    "linux (6.12.94-1) trixie; urgency=high",
    "  * New upstream stable update:",
    "    https://www.kernel.org/pub/linux/kernel/v6.x/ChangeLog-6.12.93",
    "    - iomap: don't revert iov_iter on partially",
    "      completed buffered writes",
    "    https://www.kernel.org/pub/linux/kernel/v6.x/ChangeLog-6.12.94",
    "    - other",
    " -- A Maintainer",
    "linux (6.12.90-2) trixie",
    "  * d/changelog: mention",
  ].join("\n");
  expect(itemsOf(text)).toEqual([
    { version: "6.12.93", text: "iomap: don't revert iov_iter on partially completed buffered writes" },
    { version: "6.12.94", text: "other" },
  ]);
});

const changelogs = existsSync(KERNELS)
  ? [...new Bun.Glob("*/usr/share/doc/linux-*/changelog*.gz").scanSync(KERNELS)]
  : [];

test.skipIf(
  changelogs.length === 0 &&
    lacking("a kernel in the lab's cache", "bun run lab.ts run --kernel 6.1.176 -- splice-fpos.ts", true),
)(
  "the packages' changelogs name the same first fixed version of each series",
  () => {
    const fixes = table.filter(({ known }) => known.fix !== "");
    const wrong = new Set<string>();
    for (const file of changelogs) {
      for (const { version, text } of itemsOf(gunzipSync(readFileSync(join(KERNELS, file))).toString("utf8"))) {
        const series = version.split(".").slice(0, 2).join(".");
        for (const { name, known } of fixes.filter((entry) => text.includes(entry.known.fix))) {
          const own = known.firstFixed.find((entry) => entry.split(".").slice(0, 2).join(".") === series);
          if (own !== version) wrong.add(`${name}: the table has ${own ?? `no ${series}`}, the changelog ${version}`);
        }
      }
    }
    expect([...wrong]).toEqual([]);
  },
  60_000,
);
