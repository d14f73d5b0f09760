/** The front desk as its users meet it: a process, its exit code, its two streams, what it leaves behind. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isBlockedIn, type Sleep, until } from "../until.ts";

const TOOL = join(import.meta.dir, "fixtures/tool.ts");
const directory = mkdtempSync(join(tmpdir(), "bytewitness-cli-"));
afterAll(() => rmSync(directory, { recursive: true }));

interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

async function tool(args: string[], options: { signal?: NodeJS.Signals; blockedIn?: Sleep } = {}): Promise<Result> {
  const child = Bun.spawn([process.execPath, TOOL, ...args], {
    stdout: "pipe",
    stderr: "pipe",
    timeout: 60_000,
    killSignal: "SIGKILL",
  });
  const stdout = new Response(child.stdout).text();
  const decoder = new TextDecoder();
  let stderr = "";
  let sent = false;
  for await (const chunk of child.stderr) {
    stderr += decoder.decode(chunk, { stream: true });
    if (options.signal === undefined || sent || !stderr.includes("ready\n")) continue;
    sent = true;
    const { blockedIn } = options;
    if (blockedIn !== undefined) await until("the call to block", () => isBlockedIn(child.pid, blockedIn));
    child.kill(options.signal);
  }
  await child.exited;
  return { code: child.exitCode, stdout: await stdout, stderr };
}

describe("the exit code is the verdict", () => {
  const TABLE: [string, number, string, string | undefined][] = [
    ["clean", 0, "clean", undefined],
    ["corrupt", 1, "corrupt", undefined],
    ["nothing", 125, "inconclusive", "nothing was verified"],
    ["inconclusive", 125, "inconclusive", "the disk went away"],
    ["refused", 125, "inconclusive", 'open("/nonexistent/x", O_RDONLY): ENOENT (no such file or directory)'],
    ["EINVAL without a probe", 125, "inconclusive", "madvise(): EINVAL (invalid argument)"],
    ["skip", 125, "skipped", "needs a miracle: there is none; pray"],
  ];
  test.each(TABLE)("%s: %i", async (what, code, verdict, reason) => {
    const result = await tool(["--do", what, "--json", "--seed", "7"]);
    expect(result.code).toBe(code);
    // stdout is exactly one JSON object.
    const report = JSON.parse(result.stdout) as Record<string, unknown>;
    expect({ verdict: report.verdict, reason: report.reason, seed: report.seed, tool: report.tool }).toEqual({
      verdict,
      reason,
      seed: 7,
      tool: "tool",
    });
  });

  const FAILURES: [string, number, string][] = [
    ["usage", 254, "tool: --do usage is not a use\n"],
    ["wrong", 254, "tool: --do wrong is wrong; try another\n"],
  ];
  test.each(FAILURES)("%s: %i, nothing on stdout, one line on stderr", async (what, code, line) => {
    expect(await tool(["--do", what, "--quiet"])).toEqual({ code, stdout: "", stderr: line });
  });

  const OURS: [string, string][] = [
    ["assertion", "AssertionError: two is not three"],
    ["crash", "TypeError: undefined is not a function"],
    ["NaN", "AssertionError: the workload reported NaN verified bytes"],
    ["-5", "AssertionError: the workload reported -5 verified bytes"],
    ["0.5", "AssertionError: the workload reported 0.5 verified bytes"],
    ["Infinity", "AssertionError: the workload reported Infinity verified bytes"],
    ["undefined", "AssertionError: the run counted nothing (run.tally) and returned no totals"],
    ["corrupt NaN", "AssertionError: the workload reported NaN verified bytes"],
    ["corrupt without finding", "AssertionError: the workload's verdict is corrupt, without a finding"],
    ["no outcome", "AssertionError: the run counted nothing (run.tally) and returned no totals"],
    ["timer", "Error: in a timer"],
    ["rejection", "Error: no one handles this"],
    ["callback", "Error: in a callback"],
    ["EBADF", "EBADF means that a descriptor of ours was closed, or opened for the other direction"],
    ["EFAULT", "EFAULT means that an address that we passed is not mapped"],
    ["ENOTSOCK", "ENOTSOCK means that we asked a descriptor that is not a socket for what only sockets do"],
    ["EINVAL after its probe", "EINVAL means that the probe of this call succeeded"],
    ["exit 0", "the process ended before its report"],
    ["exit 1", "the process ended before its report"],
  ];
  test.each(OURS)(
    "%s is 255, nothing on stdout, one line that shows where",
    async (what, line) => {
      const { code, stdout, stderr } = await tool(["--do", what, "--quiet"]);
      expect([code, stdout, stderr.trim().split("\n").length]).toEqual([255, "", 1]);
      expect(stderr).toContain("tool: our own failure, not the kernel's: ");
      expect(stderr).toContain(line);
      if (!what.startsWith("exit")) expect(stderr).toMatch(/\bat .*\.ts/);
    },
    60_000,
  );
});

test("a clean run that never entered the racy path is inconclusive when it must have", async () => {
  const { code, stdout } = await tool(["--require-trigger", "--json"]);
  expect([code, (JSON.parse(stdout) as { verdict: string }).verdict]).toEqual([125, "inconclusive"]);
});

describe("clean-up", () => {
  let count = 0;
  const trailOf = async (args: string[], signal?: NodeJS.Signals, blockedIn?: Sleep) => {
    const trail = join(directory, `trail-${count++}`);
    const { code, stderr } = await tool(
      [...args, "--trail", trail],
      signal === undefined ? {} : { signal, ...(blockedIn && { blockedIn }) },
    );
    return { code, trail: readFileSync(trail, "utf8").split("\n").slice(0, -1), stderr };
  };

  test.each(["clean", "corrupt", "refused", "assertion", "crash", "usage"])(
    "runs last one first after: %s",
    async (what) => {
      expect((await trailOf(["--do", what])).trail).toEqual(["third", "second", "first"]);
    },
  );

  test("one that fails is named, does not stop the others, and is our failure", async () => {
    const { code, trail, stderr } = await trailOf(["--do", "bad clean-up", "--quiet"]);
    expect([code, trail, stderr]).toEqual([
      255,
      ["third", "second", "first"],
      "tool: clean-up failed: could not undo\n",
    ]);
  });

  /** The call in which the signal finds the process; none for one that computes or polls. */
  const SIGNALS: [NodeJS.Signals, string, number, Sleep | undefined][] = [
    ["SIGINT", "read", 130, "read"],
    ["SIGTERM", "read", 143, "read"],
    ["SIGINT", "ring", 130, "io_uring_enter"],
    ["SIGINT", "loop", 130, undefined],
    ["SIGTERM", "loop", 143, undefined],
    ["SIGINT", "await", 130, undefined],
    ["SIGHUP", "await", 129, undefined],
  ];
  test.each(SIGNALS)("runs after %s in: %s", async (signal, what, code, blockedIn) => {
    const ended = await trailOf(["--do", what], signal, blockedIn);
    expect([ended.code, ended.trail]).toEqual([code, ["third", "second", "first"]]);
  });
});

describe("streams", () => {
  test("narration goes to stderr, the report to stdout; --quiet takes the first", async () => {
    const loud = await tool(["--seed", "1"]);
    expect(loud.stderr).toBe("at work\n");
    expect(loud.stdout).toMatch(/^CLEAN {2}tool: /);
    const quiet = await tool(["--seed", "1", "--quiet"]);
    expect(quiet.stderr).toBe("");
  });

  test("--ktap is KTAP", async () => {
    const { code, stdout } = await tool(["--ktap", "--do", "corrupt"]);
    expect([code, stdout.split("\n")[0], /^not ok 1/m.test(stdout)]).toEqual([1, "KTAP version 1", true]);
  });

  test.each([
    ["clean", "0"],
    ["corrupt", "1"],
    ["long", "0"],
  ])("a reader that leaves (| head -1) keeps the code: %s", (what, code) => {
    const line = `"$0" "$1" --do ${what} | head -1 >/dev/null; echo "\${PIPESTATUS[0]}"`;
    const ended = Bun.spawnSync(["bash", "-c", line, process.execPath, TOOL], { timeout: 60_000 });
    expect(ended.stdout.toString()).toBe(`${code}\n`);
  });

  test("a closed stderr ends nothing", () => {
    const ended = Bun.spawnSync(["sh", "-c", '"$0" "$1" --json --do corrupt 2>&-', process.execPath, TOOL]);
    expect([ended.exitCode, (JSON.parse(ended.stdout.toString()) as { verdict: string }).verdict]).toEqual([
      1,
      "corrupt",
    ]);
  });
});

test("--help and --version end 0, even next to nonsense", async () => {
  const help = await tool(["--nonsense", "--help"]);
  expect([help.code, help.stdout.split("\n")[0], help.stderr]).toEqual([
    0,
    expect.stringMatching(/^ends as it is asked to \(bun .*tool\.ts\)$/),
    "",
  ]);
  const version = await tool(["--version"]);
  expect(version).toEqual({ code: 0, stdout: expect.stringMatching(/^tool \d+\.\d+\.\d+\n$/), stderr: "" });
});

test("a path that is not UTF-8 arrives as its bytes, alone and behind --dir=", () => {
  for (const form of ["", "--dir="]) {
    const line = `"$0" "$1" --do path --json --quiet "${form}$(printf 'a\\377 b\\376')"`;
    const ended = Bun.spawnSync(["bash", "-c", line, process.execPath, TOOL]);
    expect(ended.stderr.toString()).toBe("");
    expect((JSON.parse(ended.stdout.toString()) as { reason: string }).reason).toBe("61ff2062fe");
  }
});

test("the seed decides what is random; the replay command holds all of it", async () => {
  const first = JSON.parse((await tool(["--do", "random", "--json", "--seed", "42", "dir", "5s"])).stdout) as {
    reason: string;
    replay: string;
  };
  expect(first.replay).toEndWith("/tool.ts dir 5 --do random --seed 42");
  const again = JSON.parse((await tool([...first.replay.split(" ").slice(2), "--json"])).stdout) as typeof first;
  expect([again.reason, again.replay]).toEqual([first.reason, first.replay]);
  const other = JSON.parse((await tool(["--do", "random", "--json", "--seed", "43"])).stdout) as typeof first;
  expect(other.reason).not.toBe(first.reason);
});

describe("bad arguments: one line, 254", () => {
  const TABLE: [string[], string][] = [
    [["--bogus"], "tool: unknown flag --bogus; --help lists the flags\n"],
    [["--second", "1"], "tool: unknown flag --second (did you mean --seconds?); --help lists the flags\n"],
    [["a", "1", "b"], 'tool: unexpected argument "b"; --help shows what can be given\n'],
    [["--json", "--ktap"], "tool: --json and --ktap cannot be given together\n"],
    [["--bytes"], "tool: --bytes needs a value\n"],
  ];
  test.each(TABLE)("%j", async (args, line) => {
    expect(await tool(args)).toEqual({ code: 254, stdout: "", stderr: line });
  });
});
