/** Completion as the shells do it: bash calls the function that `complete -F` names, with the words of a command line. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import { type Suggestion, suggestions } from "../../src/cli/complete.ts";
import { defineTool } from "../../src/cli/tool.ts";

const ROOT = `${import.meta.dir}/../..`;
const TIMEOUT = 60_000;
let directory = "";

beforeAll(() => {
  directory = mkdtempSync(`${os.tmpdir()}/completions-`);
  // `bytewitness` as it is installed: a link somewhere on the path.
  symlinkSync(`${ROOT}/scripts/bytewitness.js`, `${directory}/bytewitness`);
  symlinkSync(process.execPath, `${directory}/bun`);
});
afterAll(() => rmSync(directory, { recursive: true }));

function scriptFor(shell: string): string {
  const child = Bun.spawnSync([process.execPath, `${ROOT}/scripts/completions.ts`, shell]);
  expect(child.exitCode).toBe(0);
  return child.stdout.toString();
}

/** COMPREPLY after the words, the last one being completed. */
function inBash(words: readonly string[], before = ""): string[] {
  writeFileSync(`${directory}/completion`, scriptFor("bash"));
  const program = `${before}
    . ${directory}/completion
    COMP_WORDS=("$@"); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    function=$(complete -p "$1" | sed -n 's/.*-F \\([^ ]*\\) .*/\\1/p')
    "$function" "$1" "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const child = Bun.spawnSync(["bash", "--norc", "-c", program, "bash", ...words], {
    cwd: ROOT,
    env: { ...process.env, PATH: `${directory}:${process.env.PATH}` },
    timeout: TIMEOUT,
  });
  expect(child.stderr.toString()).toBe("");
  return child.stdout.toString().split("\n").filter(Boolean);
}

describe("in bash", () => {
  test.each<[string, string[], string[]]>([
    ["names of commands", ["bytewitness", "splice-f"], ["splice-fpos"]],
    ["a whole name is completed, not run", ["bytewitness", "verify"], ["verify"]],
    ["subcommands", ["bytewitness", "lab", "k"], ["kernels", "kconfig"]],
    ["flags of a subcommand", ["bytewitness", "lab", "bisect", "--go"], ["--good"]],
    ["choices of a flag", ["bytewitness", "uring-append", "--door", "nowa"], ["nowait"]],
    ["choices behind =, which bash makes a word of its own", ["bytewitness", "verify", "--svg", "=", "x"], []],
    ["choices behind =", ["bytewitness", "uring-append", "--door", "=", "nowa"], ["nowait"]],
    ["choices of a positional", ["bytewitness", "completions", "b"], ["bash"]],
    ["nothing, so that bash takes file names, for a path", ["bytewitness", "verify", "READ"], []],
    ["scripts of the checkout", ["bun", "run", "splice-r"], ["splice-relay.ts"]],
    ["flags in the checkout", ["bun", "run", "splice-relay.ts", "sink", "--conn"], ["--connect", "--connections"]],
  ])(
    "%s",
    (_what, words, expected) => {
      expect(inBash(words)).toEqual(expected);
    },
    TIMEOUT,
  );

  test.each([
    [["bytewitness", "verify", "--"]],
    [["bun", "run", "verify.ts", "--"]],
    [["bun", "run", "lab.ts", "run", "--"]],
  ])(
    "all flags behind the two hyphens that begin one: %j",
    (words) => {
      expect(inBash(words)).toEqual(expect.arrayContaining(["--version", "--help"]));
    },
    TIMEOUT,
  );

  test(
    "a flag that was given is not offered again",
    () => {
      const offered = inBash(["bytewitness", "uring-append", "--door", "write", "--"]);
      expect(offered).toContain("--seed");
      expect(offered).toContain("--help");
      expect(offered).not.toContain("--door");
    },
    TIMEOUT,
  );

  test(
    "what bun had before stays, for all that is not ours",
    () => {
      const before = "_theirs() { COMPREPLY=(theirs); }; complete -F _theirs bun;";
      expect(inBash(["bun", "add", ""], before)).toEqual(["theirs"]);
      expect(inBash(["bun", "run", "verify.ts", "--svg"], before)).toEqual(["--svg"]);
    },
    TIMEOUT,
  );
});

// zsh and fish are on few machines; where they are, the script is at least parsed.
test.each([
  ["zsh", "compdef _bytewitness bytewitness"],
  ["fish", "complete -c bytewitness -a"],
])(
  "%s gets a script that it can parse",
  (shell, line) => {
    const text = scriptFor(shell);
    expect(text).toContain(line);
    expect(text).toContain("BYTEWITNESS_COMPLETE=1");
    if (Bun.which(shell) !== null) {
      writeFileSync(`${directory}/${shell}`, text);
      const parsed = Bun.spawnSync([shell, "-n", `${directory}/${shell}`]);
      expect([parsed.exitCode, parsed.stderr.toString()]).toEqual([0, ""]);
    }
  },
  TIMEOUT,
);

test("suggestions: values after flags, subcommands loaded on demand, nothing after --", async () => {
  const leaf = defineTool({
    name: "leaf",
    summary: "a leaf",
    rest: "-- SCRIPT …",
    positionals: { mode: { kind: "choice", choices: ["fast", "slow"], description: "how" } },
    options: { size: { kind: "size", default: "1KiB", description: "how much; in bytes" } },
    run: () => 0,
  });
  let loads = 0;
  const load = async () => {
    loads += 1;
    return leaf;
  };
  const tool = defineTool({ name: "tool", summary: "a tool", subCommands: { leaf: { summary: "a leaf", load } } });
  const words = async (...argv: string[]) => (await suggestions(tool, argv, {})).map(({ word }: Suggestion) => word);
  expect(await words("")).toEqual(["leaf"]);
  expect(loads).toBe(0);
  expect(await words("leaf", "")).toEqual(["fast", "slow"]);
  expect(await words("leaf", "--size", "")).toEqual([]);
  expect(await words("leaf", "--size", "4KiB", "s")).toEqual(["slow"]);
  expect(await words("leaf", "--mode=f")).toEqual(["--mode=fast"]);
  expect(await words("leaf", "fast", "")).toEqual([]);
  expect(await words("leaf", "--", "")).toEqual([]);
  expect(await suggestions(tool, ["leaf", "--s"], {})).toEqual([{ word: "--size", about: "how much" }]);
});
