/** .ci/run: the closing line and the exit code, for runners and bare machines that pass, fail, skip, die and count nothing. */
import { expect, test } from "bun:test";
import { isRunning, until } from "../until.ts";
import { World } from "./world.ts";

/** A bare machine on which both commands end well and two tests pass. */
const GOOD_BARE = `echo " 2 pass\n 0 fail" >"$1/tests.log"; echo 0 >"$1/tests.status"; echo 0 >"$1/root-main.status"`;

function worldOf(bunTest: string, bare = GOOD_BARE): World {
  const world = new World().complete().fake("apk").write("repository/.ci/bare", bare);
  return world.fake("bun", `case $1 in --version) echo 1.4.5 ;; test) ${bunTest} ;; esac`);
}

/** Runs .ci/run where `bun test` and the bare machine are scripts of ours; the last line and the exit code. */
function closing(bunTest: string, bare?: string) {
  using world = worldOf(bunTest, bare);
  const { out, code, calls } = world.run(["bash", ".ci/run"]);
  return { out, line: out.trimEnd().split("\n").at(-1), code, calls: calls.filter((call) => call.startsWith("bun")) };
}

test("all pass, here and on the bare machine, whose main command counts as a test", () => {
  const { line, code, calls } = closing('printf " 12 pass\\n 0 fail\\n 40 expect() calls\\nRan 12 tests\\n" >&2');
  expect({ line, code, calls }).toEqual({ line: "15 passed, 0 failed", code: 0, calls: ["bun test"] });
});

test("one fails: the runner's exit code stays", () => {
  expect(closing('printf " 11 pass\\n 1 fail\\n"; exit 3')).toMatchObject({ line: "14 passed, 1 failed", code: 3 });
});

test("what failed comes last before the closing line, with its file and what was printed about it", () => {
  const skips = "(skip) a tape\\n(pass) fine\\n";
  const log = `test/a.test.ts:\\n(pass) b\\nerror: 1 is not 2\\n(fail) c [3.00ms]\\n${skips} 2 pass\\n 1 skip\\n 1 fail\\n`;
  const { out } = closing(`printf '${log}'; exit 1`);
  const end = "here: test/a.test.ts: (fail) c [3.00ms]\n    error: 1 is not 2\n5 passed, 1 failed, 1 skipped\n";
  expect(out.slice(-end.length)).toBe(end);
});

test("a failure that the runner does not confess is one", () => {
  expect(closing('printf " 11 pass\\n 1 fail\\n"')).toMatchObject({ line: "14 passed, 1 failed", code: 1 });
});

const GOOD = 'printf " 11 pass\\n 0 fail\\n"';

test("skipped tests are counted, and listed with what they need", () => {
  const lines =
    "skipped: this test needs tape: buy one\\n(skip) a tape\\n(todo) later\\n(pass) b\\n\\n 11 pass\\n 1 skip\\n";
  const { out, line, code } = closing(`printf '${lines} 1 todo\\n 0 fail\\n'`);
  expect(out).toContain("2 skipped, ended 0\n(skip) a tape\n(todo) later\nskipped: this test needs tape: buy one\n");
  expect({ line, code }).toEqual({ line: "14 passed, 0 failed, 2 skipped", code: 0 });
});

test("a runner that dies half-way is a failure, and so is a run without tests", () => {
  expect(closing('echo "(pass) one"; kill -9 $$')).toMatchObject({ line: "3 passed, 1 failed", code: 137 });
  expect(closing(":")).toMatchObject({ line: "3 passed, 1 failed", code: 1 });
  expect(closing('printf " 0 pass\\n 0 fail\\n"')).toMatchObject({ line: "3 passed, 1 failed", code: 1 });
});

test("a bare machine that cannot be made fails, and the reason is in the sum", () => {
  const { out, line, code } = closing(GOOD, 'echo "bare: mmdebstrap cannot be installed: no network" >&2; exit 1');
  expect({ line, code }).toEqual({ line: "11 passed, 1 failed", code: 1 });
  expect(out.match(/bare: mmdebstrap cannot be installed: no network/g)?.length).toBe(2);
});

test("a command on the bare machine that fails is a failure", () => {
  const bare = `${GOOD_BARE}; echo 255 >"$1/root-main.status"; echo 1 >"$1/tests.status"; echo " 2 pass\n 5 fail" >"$1/tests.log"`;
  expect(closing(GOOD, bare)).toMatchObject({ line: "13 passed, 6 failed", code: 255 });
});

test("a test that never ends is ended, with all its children, and is a failure", () => {
  using world = worldOf('echo "(pass) one"; /bin/sleep 600');
  const { out, code } = world.run(["bash", ".ci/run"], { CI_LIMIT: "0.5" });
  expect({ line: out.trimEnd().split("\n").at(-1), code }).toEqual({ line: "3 passed, 1 failed", code: 124 });
});

test.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)("%s ends the run and the tests at once", async (signal) => {
  using world = worldOf('echo $$ >"$WORLD/pid"; exec /bin/sleep 600');
  const child = world.spawn(["bash", ".ci/run"]);
  const pid = await until("the tests to begin", () => world.has("pid") && Number(world.read("pid")));
  child.kill(signal);
  await child.exited;
  await until("the tests to end", () => !isRunning(pid));
  expect([child.exitCode, child.signalCode]).toEqual(
    signal === "SIGKILL" ? [null, "SIGKILL"] : [signal === "SIGINT" ? 130 : 143, null],
  );
});

test("tests do not inherit an ignored SIGINT", () => {
  const { out } = closing(`grep SigIgn /proc/self/status; ${GOOD}`);
  const ignored = BigInt(`0x${/SigIgn:\s+([0-9a-f]+)/.exec(out)?.[1]}`);
  expect(ignored & 0b110n).toBe(0n);
});

test("numbers that a test prints are not the summary", () => {
  const noise = 'printf "99 pass\\n 98 pass and more\\n 12 pass\\n 0 fail\\n"';
  expect(closing(noise)).toMatchObject({ line: "15 passed, 0 failed", code: 0 });
});

test("set-up that fails ends the run", () => {
  using world = worldOf(GOOD);
  const { out, code } = world.run(["bash", "-c", 'rm "$WORLD/bin/bun"; exec bash .ci/run']);
  expect({ line: out.trimEnd().split("\n").at(-1), code }).toEqual({ line: "3 passed, 1 failed", code: 1 });
});
