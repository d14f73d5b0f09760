/** Every command line that we print works when it is pasted where it was printed: each is run here by a shell. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needed } from "../needed.ts";
import { IN_PRIVATE } from "../private.ts";
import { ROOT, type Ran } from "./command.ts";

const directory = mkdtempSync(join(tmpdir(), "bytewitness printed's "));
/** A place of the user's own, and one below the checkout's root, where `bun run` would go up. */
const elsewhere = join(directory, "my work");
beforeAll(() => mkdirSync(elsewhere));
afterAll(() => rmSync(directory, { recursive: true }));

/** Words, or a shell's line, run in a directory. */
async function at(cwd: string, line: string | readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const words = typeof line === "string" ? ["sh", "-c", line] : line;
  const child = Bun.spawn([...words], {
    ...{ cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
    env: { ...process.env, NO_COLOR: "1", TMPDIR: directory, ...env },
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  return { code: child.exitCode, signal: child.signalCode, stdout, stderr };
}

const bun = (name: string, ...words: string[]) => [process.execPath, join(ROOT, "scripts", name), ...words];
/** Reports what a script is instead of running it: its words were understood. */
const UNDERSTOOD = { BYTEWITNESS_DESCRIBE: "1" };
const PLACES = [
  ["the checkout's root", () => ROOT],
  ["a directory of the checkout", () => join(ROOT, "test")],
  ["a directory with a space in it", () => elsewhere],
] as const;

describe.each(PLACES)("printed in %s", (_, place) => {
  const readOnly = place !== PLACES[2][1] && needed("a writable checkout");
  test("the replay of a corrupt run, and the lines that judge its files again", async () => {
    const prefix = join(elsewhere, "it's a file");
    const words = ["--seconds", "1", "--file-mb", "1", "--door", "write", "--inject", "lost", "--files", "2"];
    const ended = await at(place(), bun("uring-append.ts", prefix, ...words));
    expect(ended.code).toBe(1);
    const replay = /^replay +(.+)$/m.exec(ended.stdout)?.[1] ?? "";
    const [, judge = ""] = /^Judge the kept files again.*\n(?:.*\n)*? *(\S.*verify.*)$/m.exec(ended.stdout) ?? [];
    const judged = await at(place(), `${judge} --json`);
    expect({ judge, code: judged.code, stderr: judged.stderr }).toEqual({ judge, code: 1, stderr: expect.any(String) });
    expect(JSON.parse(judged.stdout).findings.length).toBeGreaterThan(0);
    for (const name of readdirSync(elsewhere)) rmSync(join(elsewhere, name));
    const again = await at(place(), `${replay} --json`);
    expect({ code: again.code, replay: JSON.parse(again.stdout).replay }).toEqual({ code: 1, replay });
    for (const name of readdirSync(elsewhere)) rmSync(join(elsewhere, name));
  });

  test.skipIf(readOnly)("what verifies a file that fill wrote, with a name relative to the place", async () => {
    const name = `./it's filled ${process.pid}`;
    try {
      const ended = await at(place(), bun("fill.ts", name, "--bytes", "1MiB", "--pattern", "tagged", "--writer", "3"));
      const line = ended.stdout.trim().split("\n").at(-1) ?? "";
      const judged = await at(place(), `${line} --json`);
      expect({ line, code: judged.code }).toEqual({ line, code: 0 });
      expect(JSON.parse(judged.stdout).totals.bytesVerified).toBe(2 ** 20);
    } finally {
      rmSync(join(place(), name), { force: true });
    }
  });

  test("usage, of a command and of a subcommand", async () => {
    for (const words of [bun("verify.ts"), bun("lab.ts", "run"), bun("gallery/append-tear.ts")]) {
      const { stdout } = await at(place(), [...words, "--help"]);
      const usage = /USAGE (.*?) (?:\[OPTIONS\]|--)/.exec(stdout)?.[1] ?? "";
      const ended = await at(place(), `${usage} --version`);
      expect({ usage, code: ended.code, stderr: ended.stderr }).toEqual({ usage, code: 0, stderr: "" });
    }
  });

  test("every case of the survey's list", async () => {
    const { stdout } = await at(place(), bun("survey.ts", "--list", "--json"));
    const { cases } = JSON.parse(stdout) as { cases: { start: string }[] };
    expect(cases.length).toBeGreaterThan(20);
    // All of them in one place; elsewhere they differ in how they begin.
    const lines = cases.map(({ start }) => start).filter((_, index) => place() === elsewhere || index < 2);
    for (const line of lines) {
      const ended = await at(place(), line, UNDERSTOOD);
      expect({ line, code: ended.code, stderr: ended.stderr }).toEqual({ line, code: 0, stderr: "" });
    }
  });
});

test("the command of a new script, and that script's own replay, in a directory with a space in it", async () => {
  const ended = await at(elsewhere, bun("new.ts", "./it-is-new.ts"));
  const [, line = ""] = /try it: (.+)$/m.exec(ended.stdout) ?? [];
  const ran = await at(elsewhere, `${line} --json`);
  expect({ line, code: ran.code, stderr: ran.stderr }).toEqual({ line, code: 0, stderr: expect.any(String) });
  const { replay } = JSON.parse(ran.stdout) as { replay: string };
  const again = await at(elsewhere, `${replay} --json`);
  expect({ replay, code: again.code, again: JSON.parse(again.stdout).replay }).toEqual({
    replay,
    code: 0,
    again: replay,
  });
});

test("a new script that does not parse any more ends 255 by the command that reports it", async () => {
  const ended = await at(elsewhere, bun("new.ts", "./it-is-broken.ts"));
  const [, line = ""] = /ends 255: (.+)$/m.exec(ended.stdout) ?? [];
  appendFileSync(join(elsewhere, "it-is-broken.ts"), "\nconst = ;\n");
  const ran = await at(elsewhere, line);
  expect({ line, code: ran.code }).toEqual({ line, code: 255 });
  expect(ran.stderr).toContain("our own failure, not the kernel's");
});

test.skipIf(needed("root"))("what goes on with a file when the disk was full", async () => {
  const full = join(directory, "full disk");
  const line = `mkdir "${full}"; mount -t tmpfs -o size=2M none "${full}"; "$@"; code=$?; mount -o remount,size=8M "${full}"
    eval "$(sed -n 's/.*what is there stays: //p' "${directory}/stderr")"; exit $?`;
  const words = bun("fill.ts", join(full, "a file"), "--bytes", "4MiB", "--quiet");
  const shell = ["sh", "-c", line.replace('"$@"', `"$@" 2>"${directory}/stderr"`), "sh"];
  const ended = await at(elsewhere, [...IN_PRIVATE, ...shell, ...words]);
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: expect.stringContaining("going on") });
  expect(ended.stdout).toContain("2.00 MiB (2,097,152 bytes) written");
});

test("doctor's remedy, and how liburing is set up", async () => {
  const remedy =
    "import { commandOf } from './src/machine/invocation.ts'; import { setupCommand } from './src/ops/shell.ts';";
  const print = (cwd: string) =>
    at(cwd, [
      process.execPath,
      "-e",
      `${remedy.replaceAll("./src", `${ROOT}src`)} console.log(commandOf("doctor")); console.log(setupCommand());`,
    ]);
  for (const [, place] of PLACES) {
    const [doctor = "", setup = ""] = (await print(place())).stdout.split("\n");
    expect((await at(place(), `${doctor} --clean`)).code).toBe(0);
    const ended = await at(place(), `${setup} --bogus`);
    expect(ended.stderr).toContain('setup: unknown argument "--bogus"');
  }
});
