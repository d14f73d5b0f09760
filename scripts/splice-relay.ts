/**
 * splice-relay: splice(2) between two TCP sockets, with a verdict on every byte (report 2).
 *
 * Exercises: socket -> pipe -> socket by splice, the way of every zero-copy proxy. Source, relay and sink run as three
 * processes; the stream shows where each byte belongs, and the relay keeps a journal of its calls.
 * Broken looks like: a range of wrong bytes, often exactly one splice-in's, sent together with the next one in a single
 * splice-out. The report's: 172 bytes at 14164. Counts and results are right, nothing returns an error.
 * Since 2.6.25; fixed in 2.6.29. With --ktls --pipe-size 4096: bytes vanish on kernels before "net: tls: fix silent data
 * drop under pipe back-pressure" (6.1.189, 6.12.112).
 * Needs: nothing for the default run; --namespaces and --ktls name what they need.
 * Run: bun run splice-relay.ts            bun run splice-relay.ts --inject two-chunks --bytes 64MiB
 */
import { Judge, missing, type Outcome, type Pattern, type Run, runReproducer, trySplice } from "bytewitness";
import type { ArgumentSpecs } from "../src/cli/args.ts";
import { defineReproducer } from "../src/cli/reproducer.ts";
import { packetEditorMissing } from "../src/ops/packet-editor.ts";
import {
  bytesPerConnectionOf,
  checkRelayArguments,
  congestionRefused,
  RELAY_OPTIONS,
  type RelayArguments,
  runPlanOf,
  shapeOf,
  tcpOf,
} from "../src/workload/relay/arguments.ts";
import { Sink } from "../src/workload/relay/ends/sink.ts";
import { Source } from "../src/workload/relay/ends/source.ts";
import type { RelayCalls } from "../src/workload/relay/engine/channel.ts";
import { Relay } from "../src/workload/relay/engine/relay.ts";
import {
  outcomeOfRelay,
  outcomeOfRun,
  outcomeOfSink,
  outcomeOfSource,
} from "../src/workload/relay/evidence/outcome.ts";
import { playRole, roleOfThisProcess } from "../src/workload/relay/processes/child.ts";
import { refusalsNamed } from "../src/workload/relay/processes/roles.ts";
import { SelfContainedRun } from "../src/workload/relay/processes/run.ts";
import { ROLE_OPTIONS, roleArguments } from "../src/workload/relay/role-arguments.ts";

type RelayRun = Run<RelayArguments>;

const makeJudge = (pattern: Pattern) => new Judge({ pattern });

/**
 * The relay's loop, connection by connection, alternates these two until neither moves a byte: what the network brought
 * goes into the pipe, and all that the pipe holds, of one splice-in or of several, goes out by one splice-out.
 * (--engine uring queues the same two as requests of a ring.)
 */
const calls: RelayCalls = {
  spliceIn: (socket, pipe, lengthBytes, flags) => trySplice(socket, pipe, { lengthBytes, flags }),
  spliceOut: (pipe, socket, lengthBytes, flags) => trySplice(pipe, socket, { lengthBytes, flags }),
};

// The self-contained run starts this same script three times, once for each role.
const start = roleOfThisProcess();
if (start !== undefined) await playRole(start, { makeJudge, calls });

/** Source, relay and sink here, each in its own process. */
async function selfContained(run: RelayRun) {
  const traced = (run as Run<object>).args.trace !== undefined;
  const plan = { ...runPlanOf(run.args, run.seed), journal: traced };
  const total = plan.bytesPerConnection === undefined ? undefined : plan.bytesPerConnection * plan.connections;
  await using processes = new SelfContainedRun(plan, {
    progress: (bytes) =>
      run.progress({ done: bytes, ...(total === undefined ? {} : { total }), bytes, label: "relayed" }),
    narrate: (line) => run.narrate(line),
    stopped: () => run.stopped,
  });
  return outcomeOfRun(await processes.run());
}

/** What the report's program does: accept clients, connect each to the server, splice both ways. */
async function relayAlone(run: RelayRun) {
  const { listen = "", connect = "", connections, feed } = run.args;
  const plan = {
    shape: shapeOf(run.args),
    feed: { pattern: feed, generation: 0 },
    from: { kind: "tcp" as const, place: connect },
    to: { kind: "tcp" as const, place: listen },
    connections,
  };
  const hooks = { ...hooksOf(run), stopped: () => run.stopped };
  using relay = new Relay(plan, hooks, { makeJudge, calls });
  return outcomeOfRelay(await relay.run(), relay.tap?.finish(), lengthsOf(run, run.args.bytes));
}

/** What a role alone can know of the streams' lengths: what its flags give. */
function lengthsOf(run: RelayRun, bytes: number | undefined) {
  return {
    expectedBytes: bytes === undefined ? undefined : bytesPerConnectionOf(run.args),
    selfLocating: run.args.feed === "counter",
    stopped: run.stopped,
  };
}

/** Sends the counter pattern (or zeros) to whoever connects. */
async function sourceAlone(run: RelayRun) {
  const { listen = "", connections, feed, seconds, ktls, timeout } = run.args;
  const plan = {
    at: { kind: "tcp" as const, place: listen },
    feed: { pattern: feed, generation: 0 },
    connections,
    bytesPerConnection: bytesPerConnectionOf(run.args),
    seconds,
    tcp: tcpOf(run.args),
    ktls,
    timeoutSeconds: timeout,
  };
  using source = new Source(plan, hooksOf(run));
  return outcomeOfSource(await source.run());
}

/** Takes the stream and judges every byte of it. */
async function sinkAlone(run: RelayRun) {
  const { connect = "", connections, feed, tap, timeout, bytes } = run.args;
  const plan = {
    at: { kind: "tcp" as const, place: connect },
    feed: { pattern: feed, generation: 0 },
    connections,
    tcp: tcpOf(run.args),
    peek: tap,
    timeoutSeconds: timeout,
  };
  const result = await new Sink(plan, hooksOf(run), makeJudge).run();
  return outcomeOfSink(result, lengthsOf(run, bytes));
}

function hooksOf(run: RelayRun) {
  return {
    listening: (address: string) => run.narrate(`listening on ${address}`),
    progress: (bytes: number) => run.progress({ done: bytes, bytes, label: "bytes" }),
    narrate: (line: string) => run.narrate(line),
    stopped: () => run.stopped,
  };
}

function withArguments(run: Run<object>): RelayRun {
  return Object.create(run, { args: { value: roleArguments(run.args) } });
}

/** One role alone, for several hosts, with its own flags only. */
function role(name: string, summary: string, options: ArgumentSpecs, work: (run: RelayRun) => Promise<Outcome>) {
  return defineReproducer({
    name,
    summary,
    options,
    requires: REQUIRES,
    check: (args) => checkRelayArguments(roleArguments(args)),
    run: (run) => refusalsNamed(() => work(withArguments(run))),
  });
}

const REQUIRES = [
  { name: "kernel TLS", probe: ({ ktls = false }: Partial<RelayArguments>) => (ktls ? missing.tls() : undefined) },
  { name: "this congestion control", probe: congestionRefused },
  { name: "a packet editor", probe: ({ edit }: Partial<RelayArguments>) => (edit ? packetEditorMissing() : undefined) },
];

await runReproducer({
  name: "splice-relay",
  summary: "relays TCP streams by splice() and finds bytes that came out wrong (report 2)",
  description:
    "Alone it runs source, relay and a verifying sink on loopback. `source --listen`, `relay --listen --connect` and " +
    "`sink --connect` run one role, for several hosts; the relay works between any two programs (nc, socat, a server).",
  options: RELAY_OPTIONS,
  known: ({ ktls }) =>
    ktls
      ? {
          fix: "net: tls: fix silent data drop under pipe back-pressure",
          firstFixed: ["6.1.189", "6.12.112", "7.1"],
          source:
            "changelogs of linux 6.1.190-1 and 6.12.113-1; bad on 7.0.13, clean on 7.1.13, which no changelog of 7.1 explains, so 7.1 has it",
        }
      : {
          fix: "net: Fix data corruption when splicing from sockets",
          firstFixed: ["2.6.29"],
          affectedSince: "2.6.25",
          source: "report 2",
        },
  requires: REQUIRES,
  subCommands: {
    source: role("source", "sends the stream to whoever connects", ROLE_OPTIONS.source, sourceAlone),
    relay: role("relay", "accepts, connects, and splices from one to the other", ROLE_OPTIONS.relay, relayAlone),
    sink: role("sink", "takes the stream and judges every byte of it", ROLE_OPTIONS.sink, sinkAlone),
  },
  check: (args) => checkRelayArguments(roleArguments(args)),
  run: (run) => refusalsNamed(() => selfContained(withArguments(run))),
});
