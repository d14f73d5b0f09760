/** splice-relay as a process: clean runs, every injected damage found exactly, hops, bad input and a bad world. */
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { needed } from "../needed.ts";
import { command, ROOT, reportOf } from "./command.ts";

const MIB = 1024 * 1024;

async function relay(...args: string[]) {
  const said = await command("splice-relay", [...args, "--json", "--quiet"], { timeoutMs: 30_000 });
  return { said, report: reportOf(said) };
}

function total(report: { totals: Record<string, number> }, name: string): number {
  const value = report.totals[name];
  if (value === undefined) throw new Error(`the report has no total "${name}"`);
  return value;
}

test("a clean run verifies every byte that was sent and exits 0", async () => {
  const { said, report } = await relay("--bytes", "16MiB", "--seed", "1");
  expect([said.code, report.verdict, report.findings]).toEqual([0, "clean", []]);
  expect([report.totals.bytesWritten, report.totals.bytesVerified]).toEqual([16 * MIB, 16 * MIB]);
  expect(report.totals.calls).toBeGreaterThan(2);
});

test("a stream of zero bytes is inconclusive, 125", async () => {
  const { said, report } = await relay("--bytes", "0");
  expect([said.code, report.verdict, report.totals.bytesVerified]).toEqual([125, "inconclusive", 0]);
});

test.each([
  [["--connections", "40"]],
  [["--from", "file", "--to", "file"]],
  [["--from", "pipe", "--to", "unix"]],
  [["--from", "unix", "--to", "pipe"]],
  [["--feed", "zero"]],
  [["--ipv6"]],
  [["--wait", "always", "--pipe-size", "64KiB"]],
  [["--nonblock", "off", "--read", "empty"]],
  [["--move", "off", "--chunks", "one", "--pipe-size", "4096"]],
  [["--tap"]],
  [["--engine", "uring"]],
])("clean: %p", async (options) => {
  const { said, report } = await relay("--bytes", "8MiB", ...options);
  expect([said.code, report.verdict]).toEqual([0, "clean"]);
  expect(report.totals.bytesVerified).toBeGreaterThanOrEqual(8 * MIB);
  expect(report.totals.bytesVerified).toBe(report.totals.bytesWritten);
});

/** Edges may slide over bytes that are the same on both sides: pattern bytes that are zero, bytes equal to the copy's. */
const SLIDES = { foreign: 0, "two-chunks": 0, "bit-flipped": 0, zeroed: 7, duplicated: 7, lost: 7 } as const;

test.each(Object.keys(SLIDES) as (keyof typeof SLIDES)[])(
  "injected %s is found: range, kind and call",
  async (kind) => {
    const { said, report } = await relay("--bytes", "12MiB", "--inject", kind, "--seed", "11");
    expect([said.code, report.verdict, report.findings.length]).toEqual([1, "corrupt", 1]);
    const [finding] = report.findings;
    if (finding === undefined) throw new Error("no finding");
    expect(finding.kind).toBe(kind === "two-chunks" ? "foreign" : kind);
    const slide = SLIDES[kind];
    const atBytes = total(report, "injectedAtBytes");
    const lengthBytes = total(report, "injectedBytes");
    expect(Math.abs(finding.offsetBytes - atBytes)).toBeLessThanOrEqual(slide);
    expect(Math.abs(finding.lengthBytes - lengthBytes)).toBeLessThanOrEqual(kind === "zeroed" ? 2 * slide : 0);
    const spliceIn = total(report, "injectedSpliceIn");
    const bringing = finding.calls?.find((call) => call.what === "splice-in" && call.index === spliceIn);
    expect(bringing).toMatchObject({ result: total(report, "injectedChunkBytes") });
    expect(bringing?.streamOffsetBytes).toBe(total(report, "injectedChunkAtBytes"));
    expect(finding.calls?.some((call) => call.what === "splice-out")).toBe(true);
    if (kind !== "bit-flipped") expect(finding.detail).toContain(`exactly splice-in #${spliceIn} of `);
    if (kind === "duplicated") expect(finding.originBytes).toBe(finding.offsetBytes - lengthBytes);
  },
);

test("the report's shape: two chunks in one splice-out, the first replaced", async () => {
  const { report } = await relay("--bytes", "8MiB", "--inject", "two-chunks", "--seed", "5");
  const [finding] = report.findings;
  const out = finding?.calls?.find((call) => call.what === "splice-out");
  const words =
    /exactly splice-in #(\d+) of (\d+) bytes, sent together with #(\d+) \((\d+)\) in splice-out #\d+ of (\d+)/;
  const [, first, firstBytes, second, secondBytes, outBytes] = words.exec(finding?.detail ?? "") ?? [];
  expect(Number(second)).toBe(Number(first) + 1);
  expect(Number(firstBytes) + Number(secondBytes)).toBe(Number(outBytes));
  expect(out).toMatchObject({ result: Number(outBytes), streamOffsetBytes: finding?.offsetBytes });
});

test.each([
  ["in", "the tap saw it"],
  ["out", "the tap saw good bytes"],
  ["sink", "two reads of the same bytes differed"],
])("the tap attributes damage at hop %s", async (hop, words) => {
  const { said, report } = await relay("--bytes", "12MiB", "--tap", "--inject", "foreign", "--inject-hop", hop);
  expect([said.code, report.findings.length]).toEqual([1, 1]);
  expect(report.findings[0]?.detail).toContain(words);
  expect(report.totals.bytesTapped).toBe(12 * MIB);
});

test("damage is attributed to its connection among many", async () => {
  const { said, report } = await relay("--bytes", "16MiB", "--connections", "8", "--inject", "lost", "--seed", "3");
  expect([said.code, report.findings.length]).toEqual([1, 1]);
  expect(report.findings[0]?.file).toBe(`connection ${total(report, "injectedConnection")}`);
});

test.each([
  [["--nonblock", "off"], "--read empty"],
  [["--listen", "127.0.0.1:1"], "belong to a role"],
  [["sink"], "--connect"],
  [["source"], "--listen"],
  [["relay", "--listen", ":1"], "--connect"],
  [["relay", "--listen", "nonsense", "--connect", "127.0.0.1:1"], "nonsense"],
  [["sink", "--connect", "no-such-host.invalid:1"], "does not resolve"],
  [["--pipe-size", "64"], "--pipe-size"],
  [["--connections", "2", "--to", "file"], "one connection"],
  [["--bogus"], "unknown flag"],
])("bad input %p is one line and 254", async (args, words) => {
  const said = await command("splice-relay", args);
  expect([said.code, said.stdout]).toEqual([254, ""]);
  expect(said.stderr.trim().split("\n").length).toBe(1);
  expect(said.stderr).toContain(words);
});

/** A role that listens, and the port it says. */
async function listening(...args: string[]) {
  const child = Bun.spawn([process.execPath, "scripts/splice-relay.ts", ...args, "--json"], {
    ...{ cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: 20_000, killSignal: "SIGKILL" },
  });
  const reader = child.stderr.getReader();
  let said = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the role ended before it listened: ${said}`);
    said += new TextDecoder().decode(value);
    const port = /listening on 127\.0\.0\.1:(\d+)/.exec(said)?.[1];
    if (port === undefined) continue;
    reader.releaseLock();
    return { child, port: Number(port), report: async () => JSON.parse(await new Response(child.stdout).text()) };
  }
}

test("three roles alone work together", async () => {
  const source = await listening("source", "--listen", "127.0.0.1:0", "--bytes", "4MiB");
  const via = await listening("relay", "--listen", "127.0.0.1:0", "--connect", `127.0.0.1:${source.port}`);
  const { said, report } = await relay("sink", "--connect", `127.0.0.1:${via.port}`);
  expect([said.code, report.verdict, report.totals.bytesVerified]).toEqual([0, "clean", 4 * MIB]);
  // Neither of the others has verified a byte.
  expect([await source.child.exited, await via.child.exited]).toEqual([125, 125]);
  expect((await via.report()).totals.bytesWritten).toBe(4 * MIB);
});

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
  const lengthBytes = 24 * MIB;
  const whole = new Uint8Array(new ArrayBuffer(lengthBytes));
  for (let words = new Uint32Array(whole.buffer), word = 0; word < lengthBytes / 8; word++) words[word * 2] = word;
  const wanted = createHash("sha256").update(whole).digest("hex");
  const source = await listening("source", "--listen", "127.0.0.1:0", "--bytes", "24MiB");
  const via = await listening("relay", "--listen", "127.0.0.1:0", "--connect", `127.0.0.1:${source.port}`);
  // Nothing is read for half a second: every buffer on the way, the pipe too, is full by then.
  const shell = `nc -d 127.0.0.1 ${via.port} | (sleep 0.5; sha256sum)`;
  const taken = Bun.spawn(["sh", "-c", shell], { stdin: "ignore", stdout: "pipe", timeout: 15_000 });
  expect(await new Response(taken.stdout).text()).toStartWith(wanted);
  expect(await via.child.exited).toBe(125);
  expect((await via.report()).totals.bytesWritten).toBe(lengthBytes);
});

test("nobody listens upstream: one line that names the address, 125", async () => {
  const free = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const { port } = free;
  free.stop(true);
  const { said, report } = await relay("sink", "--connect", `127.0.0.1:${port}`);
  expect([said.code, report.verdict]).toEqual([125, "inconclusive"]);
  expect(report.reason).toContain(`127.0.0.1:${port}`);
  expect(report.reason).toContain("ECONNREFUSED");
});

test("a port in use: one line that names it, 125", async () => {
  const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const { said, report } = await relay("source", "--listen", `127.0.0.1:${taken.port}`);
  taken.stop(true);
  expect(said.code).toBe(125);
  expect(report.reason).toContain("EADDRINUSE");
});

test("a source that stalls for ever ends with --timeout, inconclusive", async () => {
  const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const { said, report } = await relay("sink", "--connect", `127.0.0.1:${silent.port}`, "--timeout", "300ms");
  silent.stop(true);
  expect([said.code, report.verdict]).toEqual([125, "inconclusive"]);
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
  // tac answers only what it has read to the end: without a propagated half-close nobody would ever speak.
  const server = Bun.spawn(["socat", `TCP-LISTEN:${port},reuseaddr`, "SYSTEM:tac"], { timeout: 10_000 });
  await Bun.sleep(200);
  const via = await listening("relay", "--listen", "127.0.0.1:0", "--connect", `127.0.0.1:${port}`);
  const client = Bun.spawn(["nc", "-N", "127.0.0.1", String(via.port)], {
    ...{ stdin: Buffer.from("one\ntwo\n"), stdout: "pipe", timeout: 10_000 },
  });
  expect(await new Response(client.stdout).text()).toBe("two\none\n");
  expect(await via.child.exited).toBe(125);
  expect((await via.report()).totals.bytesWritten).toBe("one\ntwo\n".length);
  expect(await server.exited).toBe(0);
});

test("SIGINT prints the verdict so far and exits 130", async () => {
  const child = Bun.spawn([process.execPath, "scripts/splice-relay.ts", "--seconds", "60", "--json", "--quiet"], {
    ...{ cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: 20_000, killSignal: "SIGKILL" },
  });
  await Bun.sleep(1500);
  child.kill("SIGINT");
  const report = JSON.parse(await new Response(child.stdout).text());
  expect(await child.exited).toBe(130);
  expect([report.verdict, report.findings]).toEqual(["clean", []]);
  expect(report.totals.bytesVerified).toBeGreaterThan(0);
  expect(report.totals.bytesVerified).toBe(report.totals.bytesWritten);
});

test.skipIf(needed("root", "ip"))("segments cross veth devices between namespaces", async () => {
  const { said, report } = await relay("--namespaces", "--mss", "1460", "--bytes", "1MiB");
  expect([said.code, report.totals.bytesVerified]).toEqual([0, MIB]);
  const lines = report.sections?.find((section) => section.title.includes("first"))?.lines ?? [];
  expect(lines.some((line) => /splice\(server, pipe, 0x[0-9a-f]+, 0x3\) = \d+/.test(line))).toBe(true);
});

const withoutNft = Bun.which("nft") === null && process.env.CI === undefined;

test.skipIf(needed("root", "ip") || withoutNft)(
  "packets edited by the kernel, no code of ours: found one for one",
  async () => {
    const { said, report } = await relay("--namespaces", "--edit", "40", "--bytes", "8MiB", "--tap");
    expect([said.code, report.verdict]).toEqual([1, "corrupt"]);
    expect(report.findings.length).toBe(total(report, "editedPackets"));
    for (const { kind, lengthBytes, detail } of report.findings) {
      expect([kind, lengthBytes]).toEqual(["foreign", 16]);
      expect(detail).toContain("the tap saw it");
    }
  },
);

test.skipIf(needed("root", "setpriv"))(
  "without privileges a pipe above the limit is refused in words and the run goes on",
  async () => {
    const wrap = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const said = await command("splice-relay", ["--bytes", "4MiB", "--pipe-size", "64MiB", "--json"], { wrap });
    expect(said.stderr).toContain("a pipe of 67108864 bytes was refused (EPERM; see /proc/sys/fs/pipe-max-size");
    expect([said.code, reportOf(said).verdict]).toEqual([0, "clean"]);
  },
);

test("the roles die with the run that started them", async () => {
  const child = Bun.spawn([process.execPath, "scripts/splice-relay.ts", "--seconds", "30", "--quiet"], {
    ...{ cwd: ROOT, stdin: "ignore", stdout: "ignore", stderr: "ignore", timeout: 20_000, killSignal: "SIGKILL" },
  });
  const children = () =>
    Bun.spawnSync(["ps", "-o", "pid=", "--ppid", String(child.pid)])
      .stdout.toString()
      .split(/\s+/)
      .filter(Boolean);
  let roles: string[] = [];
  for (let tries = 0; tries < 100 && roles.length < 3; tries++) {
    await Bun.sleep(50);
    roles = children();
  }
  expect(roles.length).toBe(3);
  await Bun.sleep(300);
  child.kill("SIGKILL");
  await child.exited;
  await Bun.sleep(200);
  // A process that nobody has waited for yet is dead all the same.
  const state = (pid: string) => Bun.spawnSync(["ps", "-o", "stat=", "-p", pid]).stdout.toString().trim();
  const alive = roles.filter((pid) => !["", "Z"].includes(state(pid).slice(0, 1)));
  expect(alive).toEqual([]);
});
