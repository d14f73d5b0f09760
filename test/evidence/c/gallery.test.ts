/**
 * The C programs of the gallery: made by the reproducers themselves, compiled without a warning, and of the same opinion
 * about this kernel.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { templateProgram } from "../../../src/evidence/c/template.ts";
import type { RunReport } from "../../../src/report/document.ts";
import { needed } from "../../needed.ts";

const ROOT = join(import.meta.dir, "../../..");
const TEMPLATES = join(ROOT, "c/evidence");
const directory = mkdtempSync(`${os.tmpdir()}/gallery-programs-`);
afterAll(() => rmSync(directory, { recursive: true }));
const TIMEOUT = 180_000;

const NAMES = readdirSync(TEMPLATES).flatMap((file) => (file === "append.c" ? [] : [file.replace(/\.c$/, "")]));

/** Compiles as the program's own header asks for. */
function compile(text: string, name: string): { stderr: string; path: string } {
  const path = join(directory, name);
  writeFileSync(`${path}.c`, text);
  const [, command = ""] = /Build: (gcc .*)$/m.exec(text) ?? [];
  const made = Bun.spawnSync(command.split(" "), { cwd: directory });
  return { stderr: made.stderr.toString(), path };
}

function execute(path: string, ...words: string[]) {
  const done = Bun.spawnSync([path, ...words], { timeout: 120_000 });
  return { code: done.exitCode, lines: done.stdout.toString().trim().split("\n"), stderr: done.stderr.toString() };
}

test("every program belongs to a reproducer that declares it", () => {
  expect(NAMES.length).toBeGreaterThanOrEqual(4);
  for (const name of NAMES) {
    const script = readFileSync(join(ROOT, `scripts/gallery/${name}.ts`), "utf8");
    expect(script).toContain(`program: "${name}"`);
  }
});

describe.skipIf(needed("gcc", "liburing-dev"))("compiled", () => {
  test.each(NAMES)(
    "%s: no warning, under 150 lines, libc (and liburing where it must); as a kselftest too",
    (name) => {
      for (const kselftest of [false, true]) {
        const program = { template: name, values: { records: 50, rounds: 2, tries: 5 } };
        const text = templateProgram(program, { about: ["seen on */ Linux 6.18.44", "x ".repeat(200)], kselftest });
        expect(compile(text, name).stderr).toBe("");
        expect(text.split("\n").length).toBeLessThan(150);
        expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(126);
        expect(text.includes("liburing")).toBe(name === "ring-buffer-retry");
        const codes = kselftest ? /\bexit\(4\)/ : /\bexit\(125\)/;
        expect(text).toMatch(codes);
      }
    },
    TIMEOUT,
  );

  test("the run's own numbers are in the program", () => {
    const program = { template: "memfd-position", values: { records: 7, rounds: 3, unknown: 1 } };
    const text = templateProgram(program, { about: [], kselftest: false });
    expect(text).toContain("#define RECORDS 7 ");
    expect(text).toContain("#define ROUNDS 3\n");
  });

  test.each(NAMES)(
    "%s: the reproducer's verdict and the program's are one",
    (name) => {
      const path = join(directory, `${name}.emitted.c`);
      const made = Bun.spawnSync(
        [process.execPath, join(ROOT, `scripts/gallery/${name}.ts`), "--json", "--quiet", "--emit-c", path],
        { env: { ...process.env, TMPDIR: directory }, timeout: 120_000 },
      );
      const report = JSON.parse(made.stdout.toString()) as RunReport;
      expect(existsSync(path)).toBe(report.verdict === "corrupt");
      if (report.verdict !== "corrupt") {
        // Nothing to show here; the program of the untouched file must not cry wolf either.
        const untouched = templateProgram({ template: name, values: {} }, { about: [], kselftest: false });
        expect(execute(compile(untouched, name).path, directory).code).not.toBe(1);
        return;
      }
      const text = readFileSync(path, "utf8");
      const { kind, lengthBytes, offsetBytes } = report.findings[0] as RunReport["findings"][0];
      expect(text.replaceAll(/\n \* +/g, " ")).toContain(`${kind}, ${lengthBytes} bytes at ${offsetBytes}`);
      const { path: program, stderr } = compile(text, name);
      expect(stderr).toBe("");
      // Where the reproducer made an XFS of its own, the program needs one: on another file system it is clean.
      const elsewhere = name === "short-write-exposes";
      const ran = execute(program, directory);
      expect(elsewhere ? [0, 1] : [1]).toContain(ran.code);
      expect(ran.lines.at(-1)).toBe(ran.code === 1 ? "CORRUPT" : "clean");
    },
    TIMEOUT,
  );
});
