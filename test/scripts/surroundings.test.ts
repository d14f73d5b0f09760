/** Machines that lack what every program expects: one clear line, the contract's code, and nothing left behind. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { counter } from "../../src/pattern/counter.ts";
import { needed } from "../needed.ts";
import { WITHOUT_RINGS } from "../no-ring.ts";
import { IN_PRIVATE } from "../private.ts";
import { command, type Ran } from "./command.ts";

const directory = mkdtempSync(join(tmpdir(), "bytewitness-surroundings-"));
/** Bun makes the directories that TMPDIR and HOME name, when it may. */
const made = mkdtempSync(join(tmpdir(), "bytewitness-made-"));
const good = join(directory, "good");
beforeAll(() => {
  const bytes = new Uint8Array(1 << 20);
  counter().fill(bytes, 0);
  writeFileSync(good, bytes);
});
afterAll(() => {
  for (const path of [directory, made]) rmSync(path, { recursive: true });
});

/** Every kind of command, small and quick. */
const COMMANDS: readonly (readonly [script: string, ...args: string[]])[] = [
  ["uring-append", "--seconds", "1", "--file-mb", "4", "--json"],
  ["splice-relay", "--bytes", "4MiB", "--json"],
  ["gallery/append-tear", "--seconds", "1", "--json"],
  ["gallery/nowait-append", "--seconds", "1", "--json"],
  ["gallery/splice-fpos", "--json"],
  ["gallery/two-rings", "--megabytes", "2", "--json"],
  ["verify", good, "--json"],
  ["doctor"],
];

/** What holds everywhere: 1 only with a finding on stdout, an error is one line that is not a stack, and no other code. */
function expectContract(ran: Ran): void {
  expect([0, 1, 125, 254, 255]).toContain(ran.code as number);
  const lines = ran.stderr.trim().split("\n");
  if (ran.code === 254 || ran.code === 255) {
    expect({ stdout: ran.stdout, lines: lines.length, stderr: ran.stderr }).toEqual({
      stdout: "",
      lines: 1,
      stderr: expect.stringMatching(/^[a-z-]+: \S.*\n$/),
    });
    expect(ran.stderr).not.toMatch(/ {4}at |\(\/|\.ts:\d/);
  }
  if (ran.code === 1) expect(JSON.parse(ran.stdout).findings.length).toBeGreaterThan(0);
}

interface Surroundings {
  readonly name: string;
  /** Shell words before `exec "$@"`. */
  readonly shell?: string;
  readonly env?: Record<string, string>;
  readonly root?: true;
  /** Words before the shell. */
  readonly wrap?: readonly string[];
  /** Codes that are right here, where not every one of the contract is. */
  /** Another user must be able to read the checkout. */
  readonly public?: true;
  readonly codes?: Readonly<Record<string, readonly number[]>>;
}

const NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
const PLACES = ["uring-append", "gallery/append-tear", "gallery/nowait-append", "gallery/splice-fpos"];
const everywhere = (codes: readonly number[]) => Object.fromEntries(PLACES.map((name) => [name, codes]));

const SURROUNDINGS: readonly Surroundings[] = [
  { name: "no /sys", shell: "mount -t tmpfs none /sys", root: true },
  { name: "a read-only root", shell: "mount -o remount,bind,ro /", root: true },
  {
    name: "a full TMPDIR",
    // (dd ends with ENOSPC.)
    shell: `mount -t tmpfs -o size=64k none "${directory}"; dd if=/dev/zero of="${directory}/full" bs=4k 2>/dev/null; export TMPDIR="${directory}"`,
    root: true,
    codes: everywhere([125, 254]),
  },
  { name: "a TMPDIR that is not there", env: { TMPDIR: join(made, "tmp/x") } },
  { name: "a TMPDIR that takes no file", env: { TMPDIR: "/proc" }, codes: everywhere([125, 254]) },
  { name: "a TMPDIR that is a file", env: { TMPDIR: "/etc/passwd" }, codes: everywhere([125, 254]) },
  { name: "no HOME", shell: "unset HOME" },
  { name: "a HOME that is not there", env: { HOME: join(made, "home") } },
  { name: "TERM=dumb and 20 columns", env: { TERM: "dumb", COLUMNS: "20" } },
  { name: "10 descriptors", shell: "ulimit -n 10" },
  { name: "1 GiB of address space", shell: "ulimit -v 1048576" },
  {
    name: "io_uring refused",
    wrap: WITHOUT_RINGS,
    codes: { "gallery/append-tear": [125], "gallery/two-rings": [125] },
  },
  { name: "nobody", wrap: NOBODY, root: true, public: true },
  { name: "no PATH", shell: "export PATH=/nonexistent" },
];

describe.each(SURROUNDINGS.map((one) => [one.name, one] as const))(
  "%s",
  (_, { shell, env = {}, root, wrap = [], codes = {}, ...more }) => {
    const lacks = (root === true && needed("root")) || (more.public === true && needed("setpriv", "a public checkout"));
    test.skipIf(lacks).each(COMMANDS.map((words) => [words[0], words] as const))(
      "%s",
      async (name, [script, ...args]) => {
        const inner = shell === undefined ? [] : ["/bin/sh", "-c", `${shell}; exec "$@"`, "sh"];
        const ran = await command(script, args, {
          wrap: [...(root && wrap.length === 0 ? IN_PRIVATE : []), ...wrap, ...inner],
          env,
        });
        expectContract(ran);
        const wanted = codes[name];
        if (wanted !== undefined) expect(wanted).toContain(ran.code as number);
        expect(readdirSync(directory)).toEqual(["good"]);
      },
    );
  },
);
test("a name with ESC in it reaches no terminal raw", async () => {
  const name = join(directory, "\u001b[31mred");
  for (const words of [[name], [good, "--pattern", `reference:${name}`], [good, `--${name}`]]) {
    const ran = await command("verify", words);
    expect(ran.code).toBe(254);
    expect(ran.stderr).not.toContain("\u001b");
  }
});
