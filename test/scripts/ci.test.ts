/** .ci/run: the closing line and the exit code, for runners that pass, fail, skip, die and count nothing. */
import { expect, test } from "bun:test";
import { World } from "./world.ts";

/** Runs .ci/run where `bun test` is a script of ours; the last line and the exit code. */
function closing(bunTest: string): { line: string | undefined; code: number; calls: readonly string[] } {
  using world = new World().complete().fake("apk");
  world.fake("bun", `case $1 in --version) echo 1.4.5 ;; test) ${bunTest} ;; esac`);
  const { out, code, calls } = world.run(["bash", ".ci/run"]);
  return { line: out.trimEnd().split("\n").at(-1), code, calls: calls.filter((call) => call.startsWith("bun")) };
}

test("all pass", () => {
  const { line, code, calls } = closing('printf " 12 pass\\n 0 fail\\n 40 expect() calls\\nRan 12 tests\\n" >&2');
  expect({ line, code, calls }).toEqual({ line: "12 passed, 0 failed", code: 0, calls: ["bun test"] });
});

test("one fails: the runner's exit code stays", () => {
  expect(closing('printf " 11 pass\\n 1 fail\\n"; exit 3')).toMatchObject({ line: "11 passed, 1 failed", code: 3 });
});

test("a failure that the runner does not confess is one", () => {
  expect(closing('printf " 11 pass\\n 1 fail\\n"')).toMatchObject({ line: "11 passed, 1 failed", code: 1 });
});

test("skipped tests are counted and listed by name", () => {
  using world = new World().complete().fake("apk");
  const lines = "(skip) needs a tape drive\\n(todo) later\\n(pass) b\\n\\n 11 pass\\n 1 skip\\n 1 todo\\n 0 fail\\n";
  world.fake("bun", `case $1 in --version) echo 1.4.5 ;; test) printf '${lines}' ;; esac`);
  const { out, code } = world.run(["bash", ".ci/run"]);
  const listed = "skipped here, where nothing should be:\n(skip) needs a tape drive\n(todo) later\n";
  expect(out).toEndWith(`${listed}11 passed, 0 failed, 2 skipped\n`);
  expect(code).toBe(0);
});

test("a runner that dies half-way is a failure, and so is a run without tests", () => {
  expect(closing('echo "(pass) one"; kill -9 $$')).toMatchObject({ line: "0 passed, 1 failed", code: 137 });
  expect(closing(":")).toMatchObject({ line: "0 passed, 1 failed", code: 1 });
  expect(closing('printf " 0 pass\\n 0 fail\\n"')).toMatchObject({ line: "0 passed, 1 failed", code: 1 });
});

test("a test that never ends is ended, with all its children, and is a failure", () => {
  using world = new World().complete().fake("apk");
  world.fake("bun", 'case $1 in --version) echo 1.4.5 ;; test) echo "(pass) one"; /bin/sleep 60 ;; esac');
  const startMs = performance.now();
  const { out, code } = world.run(["bash", ".ci/run"], { CI_LIMIT: "0.3" });
  expect({ line: out.trimEnd().split("\n").at(-1), code }).toEqual({ line: "0 passed, 1 failed", code: 124 });
  expect(performance.now() - startMs).toBeLessThan(20_000);
});

test("numbers that a test prints are not the summary", () => {
  const noise = 'printf "99 pass\\n 98 pass and more\\n 12 pass\\n 0 fail\\n"';
  expect(closing(noise)).toMatchObject({ line: "12 passed, 0 failed", code: 0 });
});

test("set-up that fails ends the run", () => {
  using world = new World().complete();
  const { out, code } = world.run(["bash", "-c", 'rm "$WORLD/bin/bun"; exec bash .ci/run']);
  expect({ line: out.trimEnd().split("\n").at(-1), code }).toEqual({ line: "0 passed, 1 failed", code: 1 });
});
