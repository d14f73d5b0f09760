/** The plan of a run: a pure function of seed and arguments; combinations that cannot work are refused in one line. */
import { expect, test } from "bun:test";
import type { ArgumentSpecs } from "../../../src/cli/args.ts";
import { parseArguments } from "../../../src/cli/strict.ts";
import { Random } from "../../../src/workload/random.ts";
import {
  checkRelayArguments,
  RELAY_OPTIONS,
  type RelayArguments,
  runPlanOf,
  shapeOf,
} from "../../../src/workload/relay/arguments.ts";
import { tuningAt } from "../../../src/workload/relay/ends/ends.ts";
import { damageInPlace } from "../../../src/workload/relay/engine/inject.ts";
import { roleArguments } from "../../../src/workload/relay/role-arguments.ts";

function parsed(...argv: string[]): RelayArguments {
  const options: ArgumentSpecs = RELAY_OPTIONS;
  return roleArguments(parseArguments(argv, { positionals: {}, options }));
}

test("the same seed and arguments give the same plan; another seed another place", () => {
  const args = parsed("--inject", "lost", "--connections", "9");
  expect(runPlanOf(args, 42)).toEqual(runPlanOf(args, 42));
  const places = new Set(Array.from({ length: 20 }, (_, seed) => runPlanOf(args, seed).shape.injection?.fromBytes));
  expect(places.size).toBe(20);
});

test("no byte of a generation is zero, so that zeroed words are seen whole", () => {
  for (let seed = 0; seed < 500; seed++) {
    const { generation } = runPlanOf(parsed(), seed).feed;
    const bytes = [generation & 0xff, (generation >> 8) & 0xff, generation >> 16];
    expect(bytes.every((byte) => byte > 0 && byte < 256)).toBe(true);
  }
});

test("defaults are the fast relay; a segment size turns on the report's loop and its trace", () => {
  expect(shapeOf(parsed())).toMatchObject({ wait: "eagain", chunks: "many", pipeBytes: 1 << 20, askBytes: 1 << 22 });
  expect(shapeOf(parsed("--pipe-size", "4096"))).toMatchObject({ pipeBytes: 4096, askBytes: 4096 });
  expect(shapeOf(parsed("--mss", "1460"))).toMatchObject({ wait: "always", tcp: { maxSegmentBytes: 1460 } });
  expect(runPlanOf(parsed("--mss", "1460"), 1).firstCalls).toBe(24);
  expect(runPlanOf(parsed("--bytes", "10", "--connections", "3"), 1).bytesPerConnection).toBe(4);
});

test.each([
  [["--engine", "uring", "--tap"], "--engine poll"],
  [["--ktls", "--from", "unix"], "--ktls"],
  [["--namespaces", "--ipv6"], "--ipv6"],
  [["--from", "file", "--seconds", "3"], "--from tcp or unix or pipe"],
  [["--bytes", "1", "--seconds", "3"], "cannot be given together"],
  [["--from", "unix", "--to", "unix", "--congestion", "reno"], "--from tcp, or --to tcp"],
  [["--inject", "lost", "--inject-hop", "sink"], "--inject-hop"],
  [["--feed", "zero", "--inject", "zeroed"], "--feed counter"],
])("%p is refused with what to do", (argv, words) => {
  const refusalOf = () => {
    try {
      return checkRelayArguments(parsed(...argv));
    } catch (error) {
      return (error as Error).message;
    }
  };
  const refusal = refusalOf();
  expect(refusal).toContain(words);
  expect(refusal).not.toContain("\n");
});

test("what can work is not refused", () => {
  expect(checkRelayArguments(parsed())).toBeUndefined();
  expect(checkRelayArguments(parsed("--nonblock", "off", "--read", "empty"))).toBeUndefined();
});

test("foreign bytes differ in every byte by five bits or more; a flipped bit in one", () => {
  const before = Uint8Array.from({ length: 4096 }, (_, index) => index & 0xff);
  const bits = (value: number) => value.toString(2).replaceAll("0", "").length;
  const foreign = before.slice();
  expect(damageInPlace("foreign", foreign, { at: 100, end: 400 }, new Random(1))).toEqual({
    at: 100,
    lengthBytes: 300,
  });
  const changed = [...before.keys()].filter((index) => foreign[index] !== before[index]);
  expect([changed.length, changed[0], changed.at(-1)]).toEqual([300, 100, 399]);
  expect(changed.every((index) => bits((foreign[index] ?? 0) ^ (before[index] ?? 0)) >= 5)).toBe(true);
  const flipped = before.slice();
  const { at } = damageInPlace("bit-flipped", flipped, { at: 100, end: 400 }, new Random(1));
  expect(at >= 100 && at < 400).toBe(true);
  expect(bits((flipped[at] ?? 0) ^ (before[at] ?? 0))).toBe(1);
  flipped[at] = before[at] ?? 0;
  expect(flipped).toEqual(before);
});

test("on loopback no congestion control paces; elsewhere the system's stays, unless another is asked for", () => {
  const loopback = ["127.0.0.1", "127.255.0.9"].map((host) => ({ family: "ipv4" as const, host, port: 1 }));
  const six = { family: "ipv6" as const, host: "::1", port: 1 };
  const away = [
    { family: "ipv4" as const, host: "10.77.1.1", port: 1 },
    { family: "ipv4" as const, host: "0.0.0.0", port: 1 },
    { family: "ipv6" as const, host: "fe80::1", port: 1 },
  ];
  const none = { maxSegmentBytes: undefined, congestion: undefined };
  for (const address of [...loopback, six]) {
    expect(tuningAt(address, shapeOf(parsed()).tcp)).toEqual({ ...none, congestion: "reno" });
    expect(tuningAt(address, shapeOf(parsed("--congestion", "system")).tcp)).toEqual(none);
    expect(tuningAt(address, { maxSegmentBytes: 1460 })).toEqual({ ...none, maxSegmentBytes: 1460 });
    expect(tuningAt(address, shapeOf(parsed("--congestion", "cubic")).tcp)).toEqual({ ...none, congestion: "cubic" });
  }
  for (const address of away) {
    expect(tuningAt(address, shapeOf(parsed("--mss", "900")).tcp)).toEqual({ ...none, maxSegmentBytes: 900 });
    expect(tuningAt(address, { congestion: "bbr" })).toEqual({ ...none, congestion: "bbr" });
  }
  expect(tuningAt({ family: "unix", path: "/x" }, { congestion: "reno" })).toEqual({});
});
