/** The script that README.md prints under "Write your own" is run exactly as printed. */
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import { removeKept } from "../kept.ts";
import { needed } from "../needed.ts";

const ROOT = `${import.meta.dir}/../..`;

/** The first TypeScript block under the heading. */
function printedScript(): string {
  const readme = readFileSync(`${ROOT}/README.md`, "utf8");
  const [, section = ""] = readme.split(/^## Write your own$/m);
  return /^```ts\n([\s\S]*?)^```$/m.exec(section)?.[1] ?? "";
}

test.skipIf(needed("a writable checkout"))(
  "the guide's script has 40 lines at most, one import, and is formatted and typed like ours",
  () => {
    const text = printedScript();
    const path = `${ROOT}/test/guide-${process.pid}.ts`;
    expect(text.trimEnd().split("\n").length).toBeWithin(20, 41);
    expect(text.match(/^import .* from .*$/gm)?.length).toBe(1);
    try {
      writeFileSync(path, text);
      const check = (...words: string[]) => Bun.spawnSync(words, { cwd: ROOT, timeout: 60_000 });
      expect(check("node_modules/.bin/biome", "check", path).exitCode).toBe(0);
      expect(check("node_modules/.bin/tsc", "-p", ".").stdout.toString()).not.toContain("guide-");
    } finally {
      rmSync(path);
    }
  },
  60_000,
);

test.skipIf(needed("a writable checkout"))(
  "as printed it finds stale bytes behind the end on tmpfs, and names them exactly",
  () => {
    const directory = mkdtempSync(`${os.tmpdir()}/guide-`);
    const path = `${ROOT}/test/guide-run-${process.pid}.ts`;
    try {
      writeFileSync(path, printedScript());
      const child = Bun.spawnSync([process.execPath, path, "--json", "--seed", "1"], {
        cwd: directory,
        timeout: 60_000,
      });
      const report = JSON.parse(child.stdout.toString());
      removeKept(report);
      expect({ code: child.exitCode, tool: report.tool }).toEqual({ code: 1, tool: "past-the-end" });
      const { kind, offsetBytes, lengthBytes, sample } = report.findings[0];
      expect({ kind, offsetBytes, lengthBytes }).toEqual({ kind: "filled", offsetBytes: 2048, lengthBytes: 2048 });
      expect(sample.foundHex).toStartWith("4242");
      // Elsewhere the answer is the file system's; the script must give one, and leave nothing behind when it is clean.
      const there = Bun.spawnSync([process.execPath, path, directory, "--json"], { cwd: directory, timeout: 60_000 });
      expect([0, 1]).toContain(there.exitCode as number);
      if (there.exitCode === 0) expect(readdirSync(directory)).toEqual([]);
    } finally {
      rmSync(path);
      rmSync(directory, { recursive: true });
    }
  },
  60_000,
);

/** The names of the tree in README.md, as paths, with the words next to each. */
function printedTree(): Map<string, string> {
  const readme = readFileSync(`${ROOT}/README.md`, "utf8");
  const tree = /^## The house$[\s\S]*?^```\n([\s\S]*?)^```$/m.exec(readme)?.[1] ?? "";
  let above = "";
  const entries = [...tree.matchAll(/^( *)(\S+)(.*)$/gm)].map(
    ([, indent = "", name = "", about = ""]): [string, string] => {
      if (indent === "") above = name;
      return [indent === "" ? name : `${above}${name}`, about];
    },
  );
  return new Map(entries);
}

test("the tree in README.md is the tree on disk", () => {
  const tree = printedTree();
  const kind = (name: string, isDirectory: boolean) => `${name}${isDirectory ? "/" : ""}`;
  const onDisk = readdirSync(`${ROOT}/src`, { withFileTypes: true }).map(
    (entry) => `src/${kind(entry.name, entry.isDirectory())}`,
  );
  // index.ts's line names the second door.
  const printed = [...tree.keys()].filter((path) => path.startsWith("src/") && path !== "src/");
  expect([...printed, "src/uapi.ts"].sort()).toEqual(onDisk.sort());
  for (const [path, about] of tree) {
    expect([path, existsSync(`${ROOT}/${path}`)]).toEqual([path, true]);
    for (const [, room = ""] of about.matchAll(/\b([a-z-]+\/)(?= |,|:|\)|$)/g)) {
      const where = path.endsWith("/") ? [`${path}${room}`, room] : [room];
      expect([room, where.some((place) => existsSync(`${ROOT}/${place}`))]).toEqual([room, true]);
    }
  }
});
