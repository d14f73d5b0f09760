/** The package as others get it: a tarball, added in an empty folder; commands by name, the door with its types, Node's line. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needed } from "../needed.ts";
import { until } from "../until.ts";
import { ROOT } from "./command.ts";

const LONG_MS = 300_000;
// A folder whose name needs quoting, so that printed commands do too.
const base = mkdtempSync(join(tmpdir(), "package-test-"));
const folder = join(base, "an empty folder");
afterAll(() => rmSync(base, { recursive: true, force: true }));

function run(words: readonly string[], cwd = folder) {
  const env = { ...process.env, NO_COLOR: "1" };
  const { exitCode, stdout, stderr } = Bun.spawnSync([...words], { cwd, env, stdin: "ignore" });
  return { code: exitCode, out: stdout.toString(), err: stderr.toString() };
}

describe.skipIf(needed("a writable checkout"))("a tarball", () => {
  beforeAll(() => {
    mkdirSync(folder);
    expect(run([process.execPath, "pm", "pack", "--destination", base], ROOT).code).toBe(0);
    const tarball = readdirSync(base).find((name) => name.endsWith(".tgz")) as string;
    expect(run([process.execPath, "add", `../${tarball}`])).toMatchObject({ code: 0 });
  }, LONG_MS);

  const bunx = (...words: string[]) => run([process.execPath, "x", "bytewitness", ...words]);

  test(
    "bunx bytewitness NAME runs the command; its replay line works where it was printed",
    () => {
      const { code, out } = bunx("uring-append", "./a b", "1", "1", "--door", "write", "--files", "1", "--json");
      const { verdict, replay } = JSON.parse(out) as { verdict: string; replay: string };
      expect({ code, verdict }).toEqual({ code: 0, verdict: "clean" });
      expect(replay).toStartWith("bunx bytewitness uring-append './a b' 1 1 ");
      const again = run(["sh", "-c", `${replay} --json`]);
      expect((JSON.parse(again.out) as { verdict: string; replay: string }).replay).toBe(replay);
      expect(readdirSync(folder).filter((name) => name.startsWith("a b"))).toEqual([]);
    },
    LONG_MS,
  );

  test(
    "every command answers --help; a mistyped one is 254 with a suggestion",
    () => {
      const { code, out } = bunx("--help");
      expect(code).toBe(0);
      for (const name of ["verify", "lab", "doctor", "new", "survey", "splice-fpos"]) {
        expect(out).toMatch(new RegExp(`^ +${name} {4}\\S`, "m"));
        expect(bunx(name, "--help")).toMatchObject({ code: 0, err: "" });
      }
      expect(bunx("verfy")).toMatchObject({ code: 254, out: "", err: expect.stringContaining("did you mean verify?") });
      expect(bunx()).toMatchObject({ code: 254, out: "" });
      expect(bunx("--version").out).toMatch(/^bytewitness \d+\.\d+\.\d+\n$/);
    },
    LONG_MS,
  );

  test(
    "new writes a reproducer here, which runs; verify and lab work",
    () => {
      expect(bunx("new", "fsync-gap").code).toBe(0);
      expect(run([process.execPath, "fsync-gap.ts", folder, "3s", "--quiet"]).code).toBe(0);
      writeFileSync(join(folder, "zeros"), new Uint8Array(4096));
      expect(bunx("verify", "zeros", "--pattern", "zero").code).toBe(0);
      expect(bunx("verify", "zeros").code).toBe(1);
      expect(bunx("lab").code).toBe(254);
      expect(bunx("reference", "door.md").code).toBe(0);
      expect(readFileSync(join(folder, "door.md"), "utf8")).toContain("### runReproducer\n");
    },
    LONG_MS,
  );

  test(
    "in a folder whose name needs quoting a function runs in a process of its own, and a killed run is cleaned up",
    async () => {
      const text = `import { type Fd, openMemfd, positionOf, runReproducer, scratchFile, seek, startProcess } from "bytewitness";
import { SEEK_SET } from "bytewitness/uapi";
export function forward(file: Fd): number { return seek(file, { offsetBytes: 7, whence: SEEK_SET }); }
await runReproducer({
  name: "again",
  summary: "this script again",
  options: { killed: { kind: "flag", description: "end by SIGKILL" } },
  run: async (run) => {
    using file = openMemfd("shared");
    using child = startProcess(forward, file);
    const seen = [await child.result, positionOf(file)];
    if (run.args.killed) {
      process.stderr.write(scratchFile(run, { directory: undefined, name: "left" }).path);
      process.kill(process.pid, "SIGKILL");
    }
    return { findings: [], totals: { bytesVerified: 1 }, workload: { seen } };
  },
});
`;
      writeFileSync(join(folder, "again.ts"), text);
      const { code, out } = run([process.execPath, "again.ts", "--json"]);
      expect([code, JSON.parse(out).workload.seen]).toEqual([0, [7, 7]]);
      const killed = run([process.execPath, "again.ts", "--killed", "--quiet"]);
      expect(killed.err).toMatch(/\/left-\d+\.\d+$/);
      await until("the killed run's file gone", () => !existsSync(killed.err));
    },
    LONG_MS,
  );

  test(
    "the door is typed: a good script compiles under strict settings, a wrong one does not",
    () => {
      const tsc = (text: string) => {
        writeFileSync(join(folder, "typed.ts"), text);
        const flags = ["--noEmit", "--strict", "--target", "esnext", "--module", "preserve", "--types", ""];
        // Without skipLibCheck: the package's own declarations need no types of Bun or Node.
        return run([join(ROOT, "node_modules/.bin/tsc"), ...flags, "typed.ts"]);
      };
      const good = 'import { allocate } from "bytewitness";\nimport { O_APPEND } from "bytewitness/uapi";\n';
      expect(tsc(`${good}export const n: number = allocate(8).lengthBytes + O_APPEND;\n`)).toMatchObject({
        code: 0,
        out: "",
      });
      expect(tsc(`${good}export const s: string = allocate("8");\n`).out).toContain("TS2345");
    },
    LONG_MS,
  );

  test.skipIf(needed("node"))(
    "with Node alone one clear line names what is needed",
    () => {
      const { code, err } = run(["node", "node_modules/bytewitness/scripts/bytewitness.js", "verify"]);
      expect({ code, err }).toEqual({ code: 255, err: expect.stringMatching(/^bytewitness: needs Bun .*\n$/) });
      // Without Bun in PATH the shell reports the same.
      const sh = run(["env", "-i", "PATH=/nowhere", "/bin/sh", "node_modules/bytewitness/scripts/bytewitness.js"]);
      expect({ code: sh.code, err: sh.err }).toEqual({ code, err });
    },
    LONG_MS,
  );
});
