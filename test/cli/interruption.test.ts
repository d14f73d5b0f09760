import { expect, test } from "bun:test";

const FIXTURE = `${import.meta.dir}/fixtures/abortable.ts`;

/** The fixture, signalled: `act` gets a wait for its next line. */
async function signalled(
  command: string[],
  act: (child: Bun.Subprocess, line: () => Promise<string>) => Promise<void>,
): Promise<{ code: number; startedMs: number }> {
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
  const reader = child.stdout.getReader();
  let text = "";
  const line = async () => {
    while (!text.includes("\n")) {
      const { value, done } = await reader.read();
      if (done) return "";
      text += Buffer.from(value).toString();
    }
    const end = text.indexOf("\n");
    const first = text.slice(0, end);
    text = text.slice(end + 1);
    return first;
  };
  expect(await line()).toBe("ready");
  const startedMs = performance.now();
  await act(child, line);
  return { code: await child.exited, startedMs };
}

test("the first signal aborts the work, and the code is the signal's whatever the work returns", async () => {
  const { code } = await signalled([process.execPath, FIXTURE], async (child, line) => {
    child.kill("SIGTERM");
    expect(await line()).toBe("aborted");
  });
  expect(code).toBe(143);
}, 60_000);

test("a second signal ends work that does not stop, long before its limit of 10 s", async () => {
  const { code, startedMs } = await signalled([process.execPath, FIXTURE, "deaf"], async (child, line) => {
    child.kill("SIGINT");
    expect(await line()).toBe("aborted");
    // One key gives two signals within a moment: only what comes later counts as the second.
    const timer = setInterval(() => child.kill("SIGINT"), 100);
    await child.exited;
    clearInterval(timer);
  });
  expect(code).toBe(130);
  expect(performance.now() - startedMs).toBeLessThan(9000);
}, 60_000);

test("a hangup that was ignored at the start stays ignored", async () => {
  const { code } = await signalled(
    ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", process.execPath, FIXTURE],
    async (child, line) => {
      child.kill("SIGHUP");
      child.kill("SIGTERM");
      expect(await line()).toBe("aborted");
    },
  );
  expect(code).toBe(143);
}, 60_000);

test("when the `bun run` above is killed, the work is aborted as by SIGTERM", async () => {
  const above = `Bun.spawn([process.execPath, ${JSON.stringify(FIXTURE)}], { stdout: "inherit" }); setInterval(() => {}, 1e6);`;
  const { code } = await signalled([process.execPath, "-e", above], async (child, line) => {
    child.kill("SIGKILL");
    expect(await line()).toBe("aborted");
  });
  expect(code).toBe(137);
}, 60_000);
