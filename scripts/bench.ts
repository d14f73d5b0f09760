#!/usr/bin/env bun
/**
 * bench: every speed claim, measured side by side in one run.
 *
 *   bun run bench.ts verify     the judge's loops against gcc and memcmp, and whole files against read()
 *   bun run bench.ts append     uring-append against its twin in C
 *   bun run bench.ts relay      splice-relay against its twin in C
 *   bun run bench.ts first-finding   seconds to the first finding on an affected kernel, against the twin in C
 *
 * Each benchmark prints a table and takes its own flags. Only the one that is asked for is loaded, which is why this
 * script does not import "bytewitness": nobody else needs the benchmarks.
 */
const BENCHMARKS: Readonly<Record<string, string>> = {
  verify: "../src/bench/verify.ts",
  append: "../src/bench/append.ts",
  relay: "../src/bench/relay.ts",
  "first-finding": "../src/bench/first-finding.ts",
};

const BAD_ARGUMENTS = 254;
const OWN_FAILURE = 255;

const [name = "", ...rest] = process.argv.slice(2);
const usage = `usage: bun run bench.ts ${Object.keys(BENCHMARKS).join("|")} [flags]`;

async function bench(path: string): Promise<number> {
  try {
    const { main } = (await import(path)) as { main: (args: string[]) => Promise<number> };
    return await main(rest);
  } catch (error) {
    const { message, name: kind } = error instanceof Error ? error : new Error(String(error));
    console.error(`bench ${name}: ${message}`);
    return kind === "UsageError" ? BAD_ARGUMENTS : OWN_FAILURE;
  }
}

const path = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
if (name === "--help" || name === "-h") {
  console.log(usage);
} else if (path === undefined) {
  console.error(name === "" ? usage : `bench: no benchmark is called ${name}; ${usage}`);
  process.exitCode = BAD_ARGUMENTS;
} else {
  process.exitCode = await bench(path);
}
