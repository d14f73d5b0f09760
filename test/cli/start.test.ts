/** What a command loads before it does anything: asked of the C library's own loader, not of a clock. */
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { lacking } from "../needed.ts";

const ROOT = resolve(import.meta.dir, "../..");
const START_MS_MAX = 60_000;

/** Every library that the process and its threads asked the loader for (LD_DEBUG=files of ld.so(8)), and its exit code. */
async function loaded(...words: string[]): Promise<{ code: number; libraries: string[] }> {
  const directory = mkdtempSync(join(tmpdir(), "loaded-"));
  try {
    const child = Bun.spawn([process.execPath, ...words], {
      cwd: ROOT,
      env: { ...process.env, LD_DEBUG: "files", LD_DEBUG_OUTPUT: join(directory, "ld") },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
    const code = await child.exited;
    const text = readdirSync(directory).map((name) => readFileSync(join(directory, name), "utf8"));
    // "opening file=…/libc.so.6 [0]; direct_opencount=1" is one dlopen(3), also of what is mapped already.
    const found = text.join("").matchAll(/opening file=(\S+) \[\d+\]; direct_opencount=/g);
    return { code, libraries: [...new Set([...found].map(([, file]) => file as string))].sort() };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const isGlibc = readFileSync("/proc/self/maps", "utf8").includes("ld-linux");

test.skipIf(!isGlibc && lacking("glibc", "a system with glibc, whose loader can report what it opens", true))(
  "version and help open no shared library, and a run opens libc",
  async () => {
    const nothing = await loaded("-e", "");
    for (const script of ["verify.ts", "uring-append.ts", "splice-relay.ts", "lab.ts", "gallery/splice-fpos.ts"]) {
      for (const flag of ["--version", "--help"]) {
        expect([script, flag, await loaded(`scripts/${script}`, flag)]).toEqual([script, flag, nothing]);
      }
    }
    // Seen red: a command that does something is seen by the same means.
    const { code, libraries } = await loaded(
      "scripts/verify.ts",
      "package.json",
      "--pattern",
      "reference:package.json",
    );
    expect([code, libraries.some((file) => file.includes("libc"))]).toEqual([0, true]);
  },
  START_MS_MAX * 3,
);

/** The modules of ours that a command loaded, by their paths from the root. */
async function modules(...words: string[]): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), "modules-"));
  try {
    const list = join(directory, "list");
    const preload = join(directory, "preload.ts");
    writeFileSync(
      preload,
      `process.on("exit", () => require("node:fs").writeFileSync(${JSON.stringify(list)}, Object.keys(require.cache).join("\\n")));`,
    );
    const command = [process.execPath, "--preload", preload, ...words];
    const child = Bun.spawn(command, { cwd: ROOT, stdin: "ignore", stdout: "ignore", stderr: "ignore" });
    await child.exited;
    const loaded = readFileSync(list, "utf8").split("\n");
    return loaded.filter((path) => path.startsWith(`${ROOT}/`)).map((path) => path.slice(ROOT.length + 1));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

test(
  "a version, or a wrong word, loads the desk alone, and a clean file nothing that damage needs",
  async () => {
    const isOf =
      (...rooms: string[]) =>
      (path: string) =>
        rooms.some((room) => path.startsWith(room));
    const isWork = isOf("src/sys/", "src/machine/", "src/judge/judge", "src/workload/scan/verify", "src/cli/execution");
    for (const word of ["--version", "--nonsense"]) {
      const desk = await modules("scripts/verify.ts", word);
      expect(desk).toContain("src/cli/desk.ts");
      expect([word, desk.filter(isWork)]).toEqual([word, []]);
    }
    const isForDamage = isOf(
      ...["src/judge/stream/", "src/judge/self-test", "src/report/sentence", "src/report/hexdump", "src/report/strip"],
      ...["src/cli/documents", "src/cli/recording", "src/cli/witness", "src/machine/register", "src/place/"],
    );
    const reference = ["package.json", "--pattern", "reference:package.json"];
    const clean = await modules("scripts/verify.ts", ...reference);
    expect(clean.filter(isWork).length).toBeGreaterThan(10);
    expect(clean.filter(isForDamage)).toEqual([]);
    // Bun's own modules are slow to load as well: whoever needs node:fs only at times asks for it then.
    const ofFiles = (path: string) => /^import [^;]* from "node:fs"/m.test(readFileSync(join(ROOT, path), "utf8"));
    expect(clean.filter(ofFiles)).toEqual([]);
    expect(ofFiles("src/cli/documents.ts")).toBe(true);
    // Seen red: damage loads what it needs.
    const damaged = await modules("scripts/verify.ts", "package.json");
    expect(damaged.filter(isForDamage)).toContain("src/report/sentence.ts");
  },
  START_MS_MAX * 3,
);

test(
  "the import of the door maps no arena and opens nothing",
  async () => {
    const script = `
      const { readFileSync } = require("node:fs");
      const sizes = () => readFileSync("/proc/self/maps", "utf8").split("\\n").filter(Boolean).map((line) => {
        const [from, to] = line.split(" ")[0].split("-").map((word) => Number.parseInt(word, 16));
        return to - from;
      });
      const before = sizes().filter((bytes) => bytes >= 2 ** 31).length;
      await import("./src/index.ts");
      const maps = readFileSync("/proc/self/maps", "utf8");
      console.log(JSON.stringify([sizes().filter((bytes) => bytes >= 2 ** 31).length - before, maps.includes("liburing")]));`;
    const child = Bun.spawn([process.execPath, "-e", script], { cwd: ROOT, stdout: "pipe", stderr: "inherit" });
    expect(JSON.parse(await child.stdout.text())).toEqual([0, false]);
  },
  START_MS_MAX,
);
