/** The header of a swap area against mkswap(8)'s, the list of areas against swapon(8)'s; nothing is switched on here. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { openFile } from "../../src/ops/file.ts";
import { truncate } from "../../src/ops/space.ts";
import { formatSwap, swapAreas, swapOff, swapOn } from "../../src/ops/swap.ts";
import { O_CREAT, O_EXCL, O_RDWR } from "../../src/sys/uapi/fcntl.ts";
import { needed } from "../needed.ts";

/** Where mkswap writes its UUID: the one part of the header that is random. */
const UUID = { from: 1024 + 12, to: 1024 + 28 };

describe.skipIf(needed("mkswap"))("formatSwap", () => {
  for (const pages of [10, 256, 5000]) {
    test(`${pages} pages: mkswap's header but for the UUID`, () => {
      const directory = mkdtempSync(`${tmpdir()}/swap-test-`);
      const images = ["ours", "theirs"].map((name) => {
        using file = openFile(`${directory}/${name}`, { flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o600 });
        truncate(file, { lengthBytes: pages * 4096 });
        if (name === "ours") formatSwap(file, pages * 4096);
        return `${directory}/${name}`;
      }) as [string, string];
      expect(Bun.spawnSync(["mkswap", "-q", images[1]]).exitCode).toBe(0);
      const [ours, theirs] = images.map((path) => readFileSync(path).fill(0, UUID.from, UUID.to));
      expect(ours?.equals(theirs as Buffer)).toBe(true);
      rmSync(directory, { recursive: true });
    });
  }
});

test("bad sizes, priorities and paths are refused by name", () => {
  using file = openFile("/dev/null", { flags: O_RDWR });
  expect(() => formatSwap(file, 9 * 4096)).toThrow("at least 40960 bytes");
  expect(() => formatSwap(file, Number.NaN)).toThrow("at least 40960 bytes");
  expect(() => swapOn("/nonexistent/area", { priority: 32_768 })).toThrow("0 to 32767");
  expect(() => swapOn("/nonexistent/area")).toThrow(/swapon\("\/nonexistent\/area"\): (ENOENT|EPERM)/);
  expect(() => swapOff("/nonexistent/area")).toThrow(/swapoff\("\/nonexistent\/area"\): (ENOENT|EPERM)/);
});

test.skipIf(needed("mkswap"))("the areas in use are swapon's", () => {
  // Another run may have switched its own area on or off between the two looks: look again then.
  for (let attempt = 0; ; attempt += 1) {
    const ours = swapAreas().map(({ path, capacityBytes, priority }) => [path, capacityBytes, priority]);
    const ran = Bun.spawnSync(["swapon", "--show=NAME,SIZE,PRIO", "--bytes", "--noheadings"]).stdout.toString();
    const theirs = ran
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split(/\s+/).map((word, column) => (column === 0 ? word : Number(word))));
    if (JSON.stringify(ours) !== JSON.stringify(theirs) && attempt < 20) continue;
    expect(ours as unknown[]).toEqual(theirs);
    break;
  }
});
