/**
 * The relay against its yardsticks: throughput and CPU of one relayed stream on loopback, in turns, like for like.
 *
 * Owns starting each relay between the same C source and C sink, all in one network of their own with one congestion
 * control for everyone: reno first, the system's in a second table. haproxy, nginx and socat take part where they are
 * installed; nothing is installed here. CPU is what the relay's process used from start to end, so ours carries the start
 * of Bun and the self-test. Refuses to compare without a network of its own, which needs root.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import type { ArgumentSpecs, Arguments } from "../cli/args.ts";
import { defineTool } from "../cli/tool.ts";
import { GiB } from "../ops/memory.ts";
import { bringUp, enterNewNetwork } from "../ops/netns.ts";
import { ownCommand } from "../ops/self.ts";
import { type Contender, interleave, type Measured, median } from "./interleave.ts";
import { type Answer, answerTo, compare, comparisonText, exitOf, goalText } from "./noise.ts";
import { compileTwin } from "./twin.ts";
import { withUs } from "./with-us.ts";
import { Workshop } from "./workshop.ts";

const OPTIONS = {
  rounds: { kind: "count", default: 21, min: 1, max: 99, description: "turns of ours and of the twin; others take 5" },
  bytes: { kind: "size", default: "8GiB", min: 1, description: "bytes per turn" },
  connections: { kind: "count", default: 1000, description: "connections of the last part; 0 leaves it out" },
} as const satisfies ArgumentSpecs;

export const RATE = "GB/s";
export const CPU = "CPU s/GB";
/** Calls that a relay of ours made, where its flags have --json. */
export const CALLS = "calls per GB";
const SCRIPT = join(import.meta.dir, "../../scripts/splice-relay.ts");

/** Ours over the program of report 2, written anew in C. */
export const GOALS = { [RATE]: { atLeast: 1.2 }, [CPU]: { atMost: 0.8 } } as const;
const TWIN = "C twin";
/** Turns of those against whom nothing is claimed: socat takes ten times as long as the twin. */
const OTHERS_ROUNDS = 5;

type Child = Subprocess<"ignore", "pipe" | "ignore", "pipe" | "ignore">;

interface Started {
  readonly child: Child;
  readonly port: number;
  /** Servers do not end by themselves. */
  readonly endless: boolean;
  /** Splice calls that it made, once it has ended. */
  readonly calls?: Promise<number>;
}

/** How a relay is started in front of a server on loopback. */
export interface Proxy {
  readonly name: string;
  readonly start: (serverPort: number) => Promise<Started>;
  readonly roundsMax?: number;
}

/** The first match of `pattern` in what a child prints. */
async function printed(stream: ReadableStream<Uint8Array>, pattern: RegExp): Promise<string> {
  const reader = stream.getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`a program ended before it printed ${pattern}: ${text.slice(0, 500)}`);
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

/** Waits until somebody listens: servers do not announce that they are ready. Looks without connecting. */
async function listens(port: number): Promise<void> {
  const wanted = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")} 00000000:0000 0A`;
  for (let tries = 0; tries < 500; tries++) {
    if ((await Bun.file("/proc/net/tcp").text()).includes(wanted)) return;
    await Bun.sleep(10);
  }
  throw new Error(`no one listens on port ${port}`);
}

async function callsOf(output: ReadableStream<Uint8Array>): Promise<number> {
  const { totals } = (await new Response(output).json()) as { totals: Record<string, number> };
  return (totals.calls ?? 0) + (totals.eagain ?? 0);
}

export function ours(name: string, flags: readonly string[]): Proxy {
  return {
    name,
    start: async (serverPort) => {
      const ends = ["--listen", "127.0.0.1:0", "--connect", `127.0.0.1:${serverPort}`];
      const child = Bun.spawn(withUs(ownCommand(SCRIPT, "relay", ...ends, ...flags)), {
        ...{ stdin: "ignore", stdout: "pipe", stderr: "pipe" },
      }) as Subprocess<"ignore", "pipe", "pipe">;
      const calls = flags.includes("--json") ? { calls: callsOf(child.stdout) } : {};
      const port = Number(await printed(child.stderr, /listening on 127\.0\.0\.1:(\d+)/));
      return { child, port, endless: false, ...calls };
    },
  };
}

function twin(path: string): Proxy {
  return {
    name: TWIN,
    start: async (serverPort) => {
      const child = Bun.spawn(withUs([path, String(serverPort)]), {
        stdin: "ignore",
        stdout: "pipe",
        stderr: "ignore",
      });
      return { child, port: Number(await printed(child.stdout, /PORT (\d+)\n/)), endless: false };
    },
  };
}

/** A server found on this machine, or undefined. */
function server(name: string, command: (ports: { own: number; server: number }) => string[] | undefined): Proxy {
  return {
    name,
    roundsMax: OTHERS_ROUNDS,
    start: async (serverPort) => {
      const own = freePort();
      const words = command({ own, server: serverPort }) ?? [];
      const child = Bun.spawn(withUs(words), { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
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
export async function turn(proxy: Proxy, endsPath: string, bytes: number): Promise<Record<string, number>> {
  const pipes = { stdin: "ignore", stdout: "pipe", stderr: "inherit", timeout: TURN_MS_MAX } as const;
  const source = Bun.spawn(withUs([endsPath, "source", String(bytes)]), pipes);
  let relay: Started | undefined;
  try {
    relay = await proxy.start(Number(await printed(source.stdout, /PORT (\d+)\n/)));
    const sink = Bun.spawn(withUs([endsPath, "sink", String(relay.port), String(bytes)]), pipes);
    const seconds = Number(await printed(sink.stdout, /TOOK ([\d.]+)\n/));
    await sink.exited;
    if (relay.endless) relay.child.kill("SIGTERM");
    await Promise.all([relay.child.exited, source.exited]);
    if (sink.exitCode !== 0) throw new Error(`${proxy.name} did not relay all ${bytes} bytes`);
    const gigabytes = bytes / 1e9;
    const cpuSeconds = Number(relay.child.resourceUsage()?.cpuTime.total ?? 0) / 1e6;
    const calls = relay.calls === undefined ? {} : { [CALLS]: (await relay.calls) / gigabytes };
    return { [RATE]: gigabytes / seconds, [CPU]: cpuSeconds / gigabytes, ...calls };
  } finally {
    // Nothing of a failed turn may hold a port or a processor in the next one.
    relay?.child.kill("SIGKILL");
    source.kill("SIGKILL");
  }
}

/** The table of one congestion control, and what it means for the goals; `all` begins with ours. */
export function resultLines(all: readonly Measured[]): { lines: string[]; answers: Answer[] } {
  const [mine, ...others] = all as [Measured, ...Measured[]];
  const cell = (side: Measured, figure: string, digits: number) => {
    const values = side.figures[figure] ?? [];
    const range = `${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)}`;
    return `${median(values).toFixed(digits).padStart(7)} (${range})`.padEnd(26);
  };
  const lines = all.map((side) => {
    const turns = `${side.figures[RATE]?.length ?? 0} turns`;
    return `  ${side.name.padEnd(24)} ${turns.padStart(8)}  ${RATE} ${cell(side, RATE, 2)} ${CPU} ${cell(side, CPU, 4)}`.trimEnd();
  });
  const answers: Answer[] = [];
  for (const other of others) {
    const parts = ([RATE, CPU] as const).map((figure) => {
      const found = compare(mine, other, figure);
      const text = `${figure === RATE ? "throughput" : "CPU"} ${comparisonText(found)}`;
      if (other.name !== TWIN) return text;
      answers.push(answerTo(found, GOALS[figure]));
      return `${text}, ${goalText(found, GOALS[figure])}`;
    });
    lines.push(`  against ${other.name}: ${parts.join("; ")}`);
  }
  return { lines, answers };
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

export const CONGESTION = "/proc/sys/net/ipv4/tcp_congestion_control";

/** One table: everyone with the same congestion control, which the network of this process has from now on. */
async function table(
  congestion: string,
  proxies: readonly Proxy[],
  endsPath: string,
  options: Arguments<typeof OPTIONS>,
) {
  writeFileSync(CONGESTION, congestion);
  console.log(`${congestion}, everyone: up to ${options.rounds} turns each, median (lowest to highest)`);
  const contenders = proxies.map(({ roundsMax = Infinity, ...proxy }): Contender => {
    return { name: proxy.name, run: () => turn(proxy, endsPath, options.bytes), roundsMax };
  });
  const { lines, answers } = resultLines(await interleave(contenders, options.rounds));
  for (const line of lines) console.log(line);
  return answers;
}

async function main(options: Arguments<typeof OPTIONS>): Promise<number> {
  if (process.geteuid?.() !== 0) {
    console.log("relay: skipped: everyone in one network, with one congestion control, needs root");
    return 125;
  }
  using ends = compileTwin("relay-ends");
  using loop = compileTwin("relay");
  using workshop = new Workshop(join(tmpdir(), "bytewitness-bench-"));
  const system = readFileSync(CONGESTION, "utf8").trim();
  // What this thread starts is in it as well; it goes with the last of them.
  enterNewNetwork();
  bringUp("lo");
  const mine = ["--congestion", "system"];
  const proxies = [
    ours("bytewitness", mine),
    ours("bytewitness, no journal", [...mine, "--journal", "off"]),
    twin(loop.path),
    ...installed(workshop),
  ];
  console.log(`relay: ${options.bytes} bytes per turn; twin built by ${loop.builtBy}`);
  const answers = await table("reno", proxies, ends.path, options);
  // The second table is information: what paces differs from machine to machine.
  if (system !== "reno") await table(system, proxies, ends.path, options);
  if (options.connections === 0) return exitOf(answers);
  const many = manyConnections(options.connections);
  console.log(`  ${many.line}`);
  return exitOf([...answers, many.reached ? "reached" : "NOT reached"]);
}

export const benchmark = defineTool({
  name: "relay",
  summary: "splice-relay against its twin in C, haproxy, nginx and socat, like for like",
  options: OPTIONS,
  run: ({ args }) => main(args),
});
