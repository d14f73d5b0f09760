#!/usr/bin/env bun
/**
 * bench: every speed claim, measured side by side in one run.
 *
 *   bun run bench.ts verify     the judge's loops against gcc and memcmp, and whole files against read()
 *   bun run bench.ts append     uring-append against its twin in C
 *   bun run bench.ts relay      splice-relay against its twin in C
 *   bun run bench.ts journal    what recording calls costs the append series and the relay
 *   bun run bench.ts start      what a start costs, against an empty Bun
 *   bun run bench.ts first-finding   seconds to the first finding on an affected kernel, against the twin in C
 *
 * Each benchmark prints a table and takes its own flags. Only the one that is asked for is loaded, which is why this
 * script does not import "bytewitness": only this script needs the benchmarks.
 */
import { runTool } from "../src/cli/desk.ts";
import { defineTool, type Tool } from "../src/cli/tool.ts";

const BENCHMARKS = {
  verify: "the judge's loops against gcc and memcmp, and whole files against read()",
  append: "uring-append against its twin in C",
  relay: "splice-relay against its twin in C, haproxy, nginx and socat",
  journal: "what recording calls costs the append series and the relay",
  start: "what a start costs, against an empty Bun",
  "first-finding": "seconds to the first finding on an affected kernel, against the twin in C",
};

async function load(name: string): Promise<Tool> {
  const { benchmark } = (await import(`../src/bench/${name}.ts`)) as { benchmark: Tool };
  return benchmark;
}

const subCommands = Object.fromEntries(
  Object.entries(BENCHMARKS).map(([name, summary]) => [name, { summary, load: () => load(name) }]),
);

await runTool(defineTool({ name: "bench", summary: "every speed claim, measured side by side", subCommands }));
