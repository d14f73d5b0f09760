/**
 * The relay against its yardsticks: throughput and CPU of one relayed stream on loopback, in turns.
 *
 * Owns starting each relay between the same C source and C sink, and the goals of issue 4. haproxy, nginx and socat take
 * part where they are installed; nothing is installed here. CPU is what the relay's process used from start to end,
 * so ours carries the start of Bun and the self-test.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import type { ArgumentSpecs, Arguments } from "../cli/args.ts";
import { defineTool } from "../cli/tool.ts";
import { GiB } from "../ops/memory.ts";
import { ownCommand } from "../ops/self.ts";
import { type Contender, interleave, type Measured, median, ratio } from "./interleave.ts";
import { compileTwin } from "./twin.ts";
import { Workshop } from "./workshop.ts";

const OPTIONS = {
  rounds: { kind: "count", default: 5, min: 1, max: 99, description: "turns of each relay" },
  bytes: { kind: "size", default: "8GiB", min: 1, description: "bytes per turn" },
  connections: { kind: "count", default: 1000, description: "connections of the last part; 0 leaves it out" },
} as const satisfies ArgumentSpecs;

const RATE = "GB/s";
const CPU = "CPU s/GB";
const SCRIPT = join(import.meta.dir, "../../scripts/splice-relay.ts");

/** Goals of issue 4: our CPU over theirs, at most. Throughput has to be at least that of every other. */
export const CPU_GOALS: Readonly<Record<string, number>> = { "C twin": 0.55, haproxy: 0.75 };

type Child = Subprocess<"ignore", "pipe" | "ignore", "pipe" | "ignore">;

interface Started {
  readonly child: Child;
  readonly port: number;
  /** Servers do not end by themselves. */
  readonly endless: boolean;
}

/** How a relay is started in front of a server on loopback. */
interface Proxy {
  readonly name: string;
  readonly start: (serverPort: number) => Promise<Started>;
}

/** The first match of `pattern` in what a child prints. */
async function said(stream: ReadableStream<Uint8Array>, pattern: RegExp): Promise<string> {
  const reader = stream.getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`a program ended before it said ${pattern}: ${text.slice(0, 500)}`);
    text += new TextDecoder().decode(value);
    const found = pattern.exec(text)?.[1];
    if (found === undefined) continue;
    reader.releaseLock();
    return found;
  }
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

/** Waits until somebody listens: servers do not say when they are ready. Looks without connecting. */
async function listens(port: number): Promise<void> {
  const wanted = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")} 00000000:0000 0A`;
  for (let tries = 0; tries < 500; tries++) {
    if ((await Bun.file("/proc/net/tcp").text()).includes(wanted)) return;
    await Bun.sleep(10);
  }
  throw new Error(`nobody listens on port ${port}`);
}

function ours(name: string, flags: readonly string[]): Proxy {
  return {
    name,
    start: async (serverPort) => {
      const ends = ["--listen", "127.0.0.1:0", "--connect", `127.0.0.1:${serverPort}`];
      const child = Bun.spawn(ownCommand(SCRIPT, "relay", ...ends, ...flags), {
        ...{ stdin: "ignore", stdout: "ignore", stderr: "pipe" },
      }) as Subprocess<"ignore", "ignore", "pipe">;
      return { child, port: Number(await said(child.stderr, /listening on 127\.0\.0\.1:(\d+)/)), endless: false };
    },
  };
}

function twin(path: string): Proxy {
  return {
    name: "C twin",
    start: async (serverPort) => {
      const child = Bun.spawn([path, String(serverPort)], { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
      return { child, port: Number(await said(child.stdout, /PORT (\d+)\n/)), endless: false };
    },
  };
}

/** A server found on this machine, or undefined. */
function server(name: string, command: (ports: { own: number; server: number }) => string[] | undefined): Proxy {
  return {
    name,
    start: async (serverPort) => {
      const own = freePort();
      const words = command({ own, server: serverPort }) ?? [];
      const child = Bun.spawn(words, { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
      await listens(own);
      return { child, port: own, endless: name !== "socat" };
    },
  };
}

function installed(workshop: Workshop): Proxy[] {
  const proxies: Proxy[] = [];
  const haproxy = Bun.which("haproxy") ?? Bun.which("haproxy", { PATH: "/usr/sbin:/sbin" });
  if (haproxy !== null) {
    proxies.push(
      server("haproxy", (ports) => {
        const path = workshop.file("haproxy.cfg");
        const timeouts = "timeout connect 5s\n timeout client 60s\n timeout server 60s";
        const splice = "option splice-auto\n option splice-request\n option splice-response";
        const listen = `listen relay\n bind 127.0.0.1:${ports.own}\n server one 127.0.0.1:${ports.server}\n`;
        writeFileSync(path, `global\n nbthread 1\ndefaults\n mode tcp\n ${timeouts}\n ${splice}\n${listen}`);
        return [haproxy, "-f", path];
      }),
    );
  }
  const nginx = Bun.which("nginx") ?? Bun.which("nginx", { PATH: "/usr/sbin:/sbin" });
  const module = "/usr/lib/nginx/modules/ngx_stream_module.so";
  if (nginx !== null && Bun.spawnSync(["test", "-e", module]).exitCode === 0) {
    proxies.push(
      server("nginx stream", (ports) => {
        const path = workshop.file("nginx.conf");
        const stream = `stream { server { listen 127.0.0.1:${ports.own}; proxy_pass 127.0.0.1:${ports.server}; } }`;
        const head = `load_module ${module};\ndaemon off;\nmaster_process off;\npid ${workshop.path}/nginx.pid;`;
        writeFileSync(path, `${head}\nerror_log /dev/null;\nevents {}\n${stream}\n`);
        return [nginx, "-c", path];
      }),
    );
  }
  const socat = Bun.which("socat");
  if (socat !== null) {
    const to = (port: number) => `TCP:127.0.0.1:${port}`;
    proxies.push(
      server("socat", (ports) => [socat, `TCP-LISTEN:${ports.own},bind=127.0.0.1,reuseaddr`, to(ports.server)]),
    );
  }
  return proxies;
}

/** A turn that takes longer hangs; it is ended and reported, never waited for. */
const TURN_MS_MAX = 300_000;

/** One stream through one relay. */
async function turn(proxy: Proxy, endsPath: string, bytes: number): Promise<Record<string, number>> {
  const pipes = { stdin: "ignore", stdout: "pipe", stderr: "inherit", timeout: TURN_MS_MAX } as const;
  const source = Bun.spawn([endsPath, "source", String(bytes)], pipes);
  let relay: Started | undefined;
  try {
    relay = await proxy.start(Number(await said(source.stdout, /PORT (\d+)\n/)));
    const sink = Bun.spawn([endsPath, "sink", String(relay.port), String(bytes)], pipes);
    const seconds = Number(await said(sink.stdout, /TOOK ([\d.]+)\n/));
    await sink.exited;
    if (relay.endless) relay.child.kill("SIGTERM");
    await Promise.all([relay.child.exited, source.exited]);
    if (sink.exitCode !== 0) throw new Error(`${proxy.name} did not relay all ${bytes} bytes`);
    const gigabytes = bytes / 1e9;
    const cpuSeconds = Number(relay.child.resourceUsage()?.cpuTime.total ?? 0) / 1e6;
    return { [RATE]: gigabytes / seconds, [CPU]: cpuSeconds / gigabytes };
  } finally {
    // Nothing of a failed turn may hold a port or a processor in the next one.
    relay?.child.kill("SIGKILL");
    source.kill("SIGKILL");
  }
}

/** A variant of ours against each rival, without a goal. */
function variantLine(variant: Measured, rivals: readonly Measured[]): string {
  const ratios = (figure: string) =>
    rivals.map((rival) => ratio(variant, rival, figure).ofMedians.toFixed(2)).join("; ");
  const names = rivals.map(({ name }) => name).join("; ");
  return `  ${variant.name} against ${names}: throughput ${ratios(RATE)}, CPU ${ratios(CPU)}`;
}

/** The table and whether every goal was reached; `all` begins with ours, whose name begins those of its variants. */
export function resultLines(all: readonly Measured[]): { lines: string[]; reached: boolean } {
  const [mine, ...others] = all as [Measured, ...Measured[]];
  const isVariant = ({ name }: Measured) => name.startsWith(mine.name);
  const rivals = others.filter((other) => !isVariant(other));
  const cell = (side: Measured, figure: string, digits: number) => {
    const values = side.figures[figure] ?? [];
    const range = `${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)}`;
    return `${median(values).toFixed(digits).padStart(7)} (${range})`.padEnd(26);
  };
  const lines = all.map(
    (side) => `  ${side.name.padEnd(24)} ${RATE} ${cell(side, RATE, 2)} ${CPU} ${cell(side, CPU, 4)}`,
  );
  let reached = true;
  for (const other of others) {
    const rate = ratio(mine, other, RATE).ofMedians;
    const cpu = ratio(mine, other, CPU).ofMedians;
    const goal = CPU_GOALS[other.name];
    if (isVariant(other)) {
      lines.push(`  against ${other.name}: throughput ${rate.toFixed(3)}, CPU ${cpu.toFixed(3)}`);
      lines.push(variantLine(other, rivals));
      continue;
    }
    const good = rate >= 1 && (goal === undefined || cpu <= goal);
    const goals = `goal ${RATE} >= 1${goal === undefined ? "" : `, CPU <= ${goal}`}`;
    lines.push(
      `  against ${other.name}: throughput ${rate.toFixed(2)}, CPU ${cpu.toFixed(2)}; ${goals}: ${good ? "reached" : "NOT reached"}`,
    );
    reached &&= good;
  }
  return { lines, reached };
}

/** Many connections at once through one relay process: all bytes there, memory bounded. */
function manyConnections(connections: number): { line: string; reached: boolean } {
  const flags = ["--connections", String(connections), "--bytes", String(2 * GiB), "--json", "--quiet"];
  const ended = Bun.spawnSync(ownCommand(SCRIPT, ...flags), { stdout: "pipe", stderr: "inherit" });
  const report = JSON.parse(ended.stdout.toString()) as { verdict: string; totals: Record<string, number> };
  const { bytesVerified = 0, bytesWritten = 0, relayResidentBytes = 0, files = 0, pipeBytes = 0 } = report.totals;
  const reached = report.verdict === "clean" && bytesVerified === bytesWritten && files === connections;
  const memory = `relay's largest resident set ${(relayResidentBytes / 1048576).toFixed(0)} MiB, pipes of ${pipeBytes} bytes`;
  return { line: `${files} connections at once: ${report.verdict}, ${bytesVerified} bytes, ${memory}`, reached };
}

/** The exit code: 0 when every goal was reached, else 1. */
async function main(options: Arguments<typeof OPTIONS>): Promise<number> {
  using ends = compileTwin("relay-ends");
  using loop = compileTwin("relay");
  using workshop = new Workshop(join(tmpdir(), "bytewitness-bench-"));
  // On loopback ours takes a congestion control that does not pace; the others take the system's, and so does a variant.
  const system = readFileSync("/proc/sys/net/ipv4/tcp_congestion_control", "utf8").trim();
  const proxies = [
    ours("bytewitness", []),
    ours("bytewitness, no journal", ["--journal", "off"]),
    ours(`bytewitness, ${system}`, ["--congestion", "system"]),
    twin(loop.path),
    ...installed(workshop),
  ];
  console.log(
    `relay: ${options.bytes} bytes per turn, ${options.rounds} turns each, median (lowest to highest); the system's congestion control is ${system}`,
  );
  const contenders = proxies.map(
    (proxy): Contender => ({ name: proxy.name, run: () => turn(proxy, ends.path, options.bytes) }),
  );
  const { lines, reached } = resultLines(await interleave(contenders, options.rounds));
  for (const line of lines) console.log(line);
  if (options.connections === 0) return reached ? 0 : 1;
  const many = manyConnections(options.connections);
  console.log(`  ${many.line}`);
  return reached && many.reached ? 0 : 1;
}

export const benchmark = defineTool({
  name: "relay",
  summary: "splice-relay against its twin in C, haproxy, nginx and socat",
  options: OPTIONS,
  run: ({ args }) => main(args),
});
