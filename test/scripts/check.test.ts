/** The static checks of this repository, as a test, so that `bun test` covers all of them; and that they can fail. */
import { expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");

/** A cold start of the compiler and of biome on a busy machine takes longer than a test may by default. */
const COLD_MS = 60_000;

function check(...argv: string[]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, "scripts/check.ts", ...argv], { cwd: ROOT });
  return { code: exitCode, out: stdout.toString(), err: stderr.toString() };
}

test(
  "format, lint, types, tidy, wording, exports and door pass, one line for each",
  () => {
    const { code, out } = check("static");
    const lines = out.split("\n").map((line) => line.replace(/ok +\d+\.\d s$/, "ok"));
    const names = ["format ", "lint   ", "types  ", "tidy   ", "wording", "exports", "door   "];
    expect(lines).toEqual([...names.map((name) => `${name} ok`), ""]);
    expect(code).toBe(0);
  },
  COLD_MS,
);

test("an argument that it does not know ends 254", () => {
  expect(check("fast")).toEqual({
    code: 254,
    out: "",
    err: 'check: ONLY must be one of static, not "fast"\n',
  });
});

/** The rules that biome finds broken in one file under this repository's settings. */
function lint(file: string, text: string): string[] {
  const tree = mkdtempSync(join(tmpdir(), "lint-"));
  try {
    mkdirSync(join(tree, "src"));
    cpSync(join(ROOT, "biome.json"), join(tree, "biome.json"));
    writeFileSync(join(tree, file), text);
    const argv = [join(ROOT, "node_modules/.bin/biome"), "lint", "--error-on-warnings", "--reporter=json"];
    const { stdout } = Bun.spawnSync(argv, { cwd: tree, stderr: "ignore" });
    const { diagnostics } = JSON.parse(stdout.toString()) as { diagnostics: { category: string }[] };
    return diagnostics.map(({ category }) => category);
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

test(
  "a function body has at most 70 lines, and there is no any",
  () => {
    const lines = (count: number) => `export function f(): void {\n${"  f();\n".repeat(count)}}\n`;
    expect(lint("src/f.ts", lines(70))).toEqual([]);
    expect(lint("src/f.ts", lines(71))).toEqual(["lint/complexity/noExcessiveLinesPerFunction"]);
    expect(lint("src/f.ts", "export const a = (b: string) => b as any;\n")).toEqual(["lint/suspicious/noExplicitAny"]);
  },
  COLD_MS,
);
