/** splice-relay in a bad world and among foreign programs: stalls, resets, half-closes, limits, signals, dead parents. */
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { needed } from "../needed.ts";
import { bytesReadBy, childrenOf, isRunning, tcpSockets, until } from "../until.ts";
import { command, ROOT, reportOf } from "./command.ts";

const MIB = 1024 * 1024;

async function relay(...args: string[]) {
  const ran = await command("splice-relay", [...args, "--json", "--quiet"], {});
  return { ran, report: reportOf(ran) };
}

/** A role that listens, and its port. */
async function listening(...args: string[]) {
  const child = Bun.spawn([process.execPath, "scripts/splice-relay.ts", ...args, "--json"], {
    ...{ cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: 60_000, killSignal: "SIGKILL" },
  });
  const reader = child.stderr.getReader();
  let ran = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the role ended before it listened: ${ran}`);
    ran += new TextDecoder().decode(value);
    const port = /listening on 127\.0\.0\.1:(\d+)/.exec(ran)?.[1];
    if (port === undefined) continue;
    reader.releaseLock();
    return { child, port: Number(port), report: async () => JSON.parse(await new Response(child.stdout).text()) };
  }
}

test("three roles alone work together", async () => {
  const source = await listening("source", "--listen", "127.0.0.1:0", "--bytes", "4MiB");
  const via = await listening("relay", "--listen", "127.0.0.1:0", "--connect", `127.0.0.1:${source.port}`);
  const { ran, report } = await relay("sink", "--connect", `127.0.0.1:${via.port}`);
  expect([ran.code, report.verdict, report.totals.bytesVerified]).toEqual([0, "clean", 4 * MIB]);
  // Neither of the others has verified a byte.
  expect([await source.child.exited, await via.child.exited]).toEqual([125, 125]);
  expect((await via.report()).totals.bytesWritten).toBe(4 * MIB);
});

test.each([
  [[], 0, "clean", [], "the length was not checked: --bytes gives it"],
  [["--bytes", "4MiB"], 0, "clean", [], undefined],
  [["--bytes", "6MiB"], 1, "corrupt", [["truncated", 4 * MIB, 2 * MIB]], undefined],
  [["--bytes", "3MiB"], 1, "corrupt", [["extra", 3 * MIB, MIB]], undefined],
] as const)(
  "a sink alone with %p checks the length or notes that it did not",
  async (flags, code, verdict, found, reason) => {
    for (const feed of ["counter", "zero"]) {
      const source = await listening("source", "--listen", "127.0.0.1:0", "--bytes", "4MiB", "--feed", feed);
      const { ran, report } = await relay("sink", "--connect", `127.0.0.1:${source.port}`, "--feed", feed, ...flags);
      expect([ran.code, report.verdict, report.reason]).toEqual([code, verdict, reason]);
      const seen = report.findings.map(({ kind, offsetBytes, lengthBytes }) => [kind, offsetBytes, lengthBytes]);
      expect(seen).toEqual(found.map((one) => [...one]));
      await source.child.exited;
    }
  },
);

test.skipIf(needed("socat"))("foreign ends: what a server sends reaches socat with the same hash", async () => {
  const whole = Buffer.alloc(3_000_001);
  for (let at = 0; at + 4 <= whole.length; at += 4) whole.writeUInt32LE(Math.imul(at, 0x9e3779b1) >>> 0, at);
  const wanted = createHash("sha256").update(whole).digest("hex");
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(whole) });
  const via = await listening("relay", "--listen", "127.0.0.1:0", "--connect", `127.0.0.1:${server.port}`);
  const request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const taken = Bun.spawn(["socat", "-t10", "-", `TCP:127.0.0.1:${via.port}`], {
    ...{ stdin: Buffer.from(request), stdout: "pipe", stderr: "inherit", timeout: 10_000 },
  });
  const answer = Buffer.from(await new Response(taken.stdout).arrayBuffer());
  const body = answer.subarray(answer.indexOf("\r\n\r\n") + 4);
  expect(createHash("sha256").update(body).digest("hex")).toBe(wanted);
  expect(await via.child.exited).toBe(125);
  await server.stop(true);
});

test.skipIf(needed("nc"))("foreign sink slower than the source: nc into sha256sum, the same hash", async () => {
  // More than all socket buffers between source and sink can grow to.
  const lengthBytes = 96 * MIB;
  const whole = new Uint8Array(new ArrayBuffer(lengthBytes));
  for (let words = new Uint32Array(whole.buffer), word = 0; word < lengthBytes / 8; word++) words[word * 2] = word;
  const wanted = createHash("sha256").update(whole).digest("hex");
  const source = await listening("source", "--listen", "127.0.0.1:0", "--bytes", "96MiB");
  const via = await listening("relay", "--listen", "127.0.0.1:0", "--connect", `127.0.0.1:${source.port}`);
  // Nothing is read until every buffer on the way, the pipe too, is full: the source's queue no longer moves.
  const shell = `nc -d 127.0.0.1 ${via.port} | (read go <&3; exec sha256sum)`;
  const taken = Bun.spawn(["sh", "-c", `exec 3<&0 </dev/null; ${shell}`], {
    ...{ stdin: "pipe", stdout: "pipe", timeout: 60_000 },
  });
  let looks: string[] = [];
  await until("the source to be stuck", () => {
    const queued = tcpSockets(source.port).filter(({ state, queuedBytes }) => state === 1 && queuedBytes > 0);
    looks = [...looks, JSON.stringify(queued)].slice(-5);
    return queued.length > 0 && looks.length === 5 && new Set(looks).size === 1;
  });
  taken.stdin.write("go\n");
  taken.stdin.end();
  expect(await new Response(taken.stdout).text()).toStartWith(wanted);
  expect(await via.child.exited).toBe(125);
  expect((await via.report()).totals.bytesWritten).toBe(lengthBytes);
});

test("no one listens upstream: one line that names the address, 125", async () => {
  const free = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const { port } = free;
  free.stop(true);
  const { ran, report } = await relay("sink", "--connect", `127.0.0.1:${port}`);
  expect([ran.code, report.verdict]).toEqual([125, "inconclusive"]);
  expect(report.reason).toContain(`127.0.0.1:${port}`);
  expect(report.reason).toContain("ECONNREFUSED");
});

test("a port in use: one line that names it, 125", async () => {
  const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const { ran, report } = await relay("source", "--listen", `127.0.0.1:${taken.port}`);
  taken.stop(true);
  expect(ran.code).toBe(125);
  expect(report.reason).toContain("EADDRINUSE");
});

test("a source that stalls for ever ends with --timeout, inconclusive", async () => {
  const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const { ran, report } = await relay("sink", "--connect", `127.0.0.1:${silent.port}`, "--timeout", "300ms");
  silent.stop(true);
  expect([ran.code, report.verdict]).toEqual([125, "inconclusive"]);
  expect(report.reason).toContain("no byte moved");
});

test("a client that resets in the middle is that relay's trouble, not a clean run", async () => {
  const source = await listening("source", "--listen", "127.0.0.1:0", "--bytes", "64MiB");
  const via = await listening("relay", "--listen", "127.0.0.1:0", "--connect", `127.0.0.1:${source.port}`);
  await Bun.connect({
    hostname: "127.0.0.1",
    port: via.port,
    socket: { data: (socket) => void socket.terminate() },
  });
  expect(await via.child.exited).toBe(125);
  const report = await via.report();
  expect(report.reason).toMatch(/connection 0: splice-(in|out): E(PIPE|CONNRESET)/);
  expect(await source.child.exited).toBe(125);
});

test.skipIf(needed("socat", "nc"))("half-close: the server answers after the client has finished sending", async () => {
  const free = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const { port } = free;
  free.stop(true);
  // tac answers only what it has read to the end: without a propagated half-close neither end would ever send.
  const server = Bun.spawn(["socat", `TCP-LISTEN:${port},reuseaddr`, "SYSTEM:tac"], { timeout: 60_000 });
  await until("socat to listen", () => tcpSockets(port).some(({ state }) => state === 10));
  const via = await listening("relay", "--listen", "127.0.0.1:0", "--connect", `127.0.0.1:${port}`);
  const client = Bun.spawn(["nc", "-N", "127.0.0.1", String(via.port)], {
    ...{ stdin: Buffer.from("one\ntwo\n"), stdout: "pipe", timeout: 60_000 },
  });
  expect(await new Response(client.stdout).text()).toBe("two\none\n");
  expect(await via.child.exited).toBe(125);
  expect((await via.report()).totals.bytesWritten).toBe("one\ntwo\n".length);
  expect(await server.exited).toBe(0);
});

test("SIGINT prints the verdict so far and exits 130", async () => {
  const child = Bun.spawn(
    [process.execPath, "scripts/splice-relay.ts", "--seconds", "60", "--tap", "--json", "--quiet"],
    {
      ...{ cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: 60_000, killSignal: "SIGKILL" },
    },
  );
  // The tap reads what is relayed; what a role reads at its start is far less.
  await until("bytes to be relayed", () => childrenOf(child.pid).some((pid) => (bytesReadBy(pid) ?? 0) > 256 * MIB));
  child.kill("SIGINT");
  const report = JSON.parse(await new Response(child.stdout).text());
  expect(await child.exited).toBe(130);
  expect([report.verdict, report.findings]).toEqual(["clean", []]);
  expect(report.totals.bytesVerified).toBeGreaterThan(0);
  expect(report.totals.bytesVerified).toBe(report.totals.bytesWritten);
});

const ROLES = [0, 1, 2, 3];
const EARLY = (["SIGINT", "SIGTERM"] as const).flatMap((signal) => ROLES.map((count) => [signal, count] as const));

/** One run that is ended when `count` roles are there; seconds from the signal to its end. */
async function secondsToEnd(signal: "SIGINT" | "SIGTERM", count: number): Promise<number> {
  const child = Bun.spawn([process.execPath, "scripts/splice-relay.ts", "--seconds", "60", "--quiet"], {
    ...{ cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: 60_000, killSignal: "SIGKILL" },
    detached: true,
  });
  let roles: number[] = [];
  await until("the roles", () => {
    roles = childrenOf(child.pid);
    return roles.length >= count;
  });
  const startMs = performance.now();
  process.kill(-child.pid, signal);
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  const seconds = (performance.now() - startMs) / 1000;
  // Before the front desk watches signals, the kernel's own end of a process is the right one.
  const number = signal === "SIGINT" ? 130 : 143;
  expect([number, null]).toContain(child.exitCode);
  if (child.exitCode !== null) expect(stdout).toMatch(/^(INCONCLUSIVE|CLEAN) {2}splice-relay: /);
  expect(stderr).toBe("");
  await until("the roles to end", () => !roles.some(isRunning));
  return seconds;
}

test.each(EARLY)(
  "%s to everyone on the terminal when %d roles are there: the end, without a stack",
  async (signal, count) => {
    // A busy machine may hold it up: the best of three counts, but each must end well.
    const seconds: number[] = [];
    while (seconds.length < 3 && !seconds.some((took) => took < 2)) seconds.push(await secondsToEnd(signal, count));
    expect(Math.min(...seconds)).toBeLessThan(2);
  },
);

test.skipIf(needed("root", "setpriv", "a public checkout"))(
  "without privileges a pipe above the limit is refused in words and the run goes on",
  async () => {
    const wrap = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const ran = await command("splice-relay", ["--bytes", "4MiB", "--pipe-size", "64MiB", "--json"], { wrap });
    expect(ran.stderr).toContain("a pipe of 67108864 bytes was refused (EPERM; see /proc/sys/fs/pipe-max-size");
    expect([ran.code, reportOf(ran).verdict]).toEqual([0, "clean"]);
  },
);

test("the roles die with the run that started them", async () => {
  const child = Bun.spawn([process.execPath, "scripts/splice-relay.ts", "--seconds", "60", "--tap", "--quiet"], {
    ...{ cwd: ROOT, stdin: "ignore", stdout: "ignore", stderr: "ignore", timeout: 60_000, killSignal: "SIGKILL" },
  });
  await until("bytes to be relayed", () => childrenOf(child.pid).some((pid) => (bytesReadBy(pid) ?? 0) > 256 * MIB));
  const roles = childrenOf(child.pid);
  expect(roles.length).toBe(3);
  child.kill("SIGKILL");
  await child.exited;
  await until("the roles to end", () => !roles.some(isRunning));
});

test("a congestion control that the kernel does not know is named before anything starts; a known one is used", async () => {
  const { ran, report } = await relay("--congestion", "nonsense");
  expect([ran.code, report.verdict]).toEqual([125, "skipped"]);
  expect(report.reason).toContain('refuses the congestion control "nonsense" (ENOENT); it knows ');
  const system = await relay("--congestion", "system", "--bytes", "8MiB");
  expect([system.ran.code, system.report.totals.bytesVerified]).toEqual([0, 8 * MIB]);
});
