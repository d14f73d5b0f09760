#!/usr/bin/env bun
/**
 * doctor: what this machine can and cannot do, and how to get the rest.
 *
 * What it shows: one line per ability, found by trying; below each missing one, what works without it and what to do. Then
 * what runs have changed or left on this machine: leases on shared settings, leftovers of killed runs, limited devices,
 * mounts, memory groups, images, evidence. With --clean it first puts right what killed runs have left, and prints what it
 * did. What this user may not see is reported too. (The lab sweeps its own directories at every start.)
 * Exit codes: 0 when the main job can run, 125 when something that everything needs is missing, 254 bad arguments.
 * Run: bun run doctor.ts [--clean] [--json]
 */
import { runCommand } from "bytewitness";
import { examine, machineLine } from "../src/machine/probes.ts";
import { traces } from "../src/machine/traces.ts";
import { cleanLeftovers } from "../src/place/leftovers.ts";

await runCommand({
  name: "doctor",
  summary: "what this machine can and cannot do, and how to get the rest",
  options: {
    clean: { kind: "flag", description: "remove what killed runs left behind, then look" },
    json: { kind: "flag", description: "stdout is one JSON object" },
  },
  run: ({ args, print }) => {
    const cleaned = args.clean ? cleanLeftovers() : [];
    const answers = examine();
    const found = traces();
    const able = answers.every((answer) => answer.ok || answer.needed !== true);
    if (args.json) {
      print(JSON.stringify({ machine: machineLine(), able, cleaned, answers, traces: found }, null, 2));
      return able ? 0 : 125;
    }
    print(machineLine());
    for (const line of cleaned) print(`cleaned: ${line}`);
    if (args.clean && cleaned.length === 0) print("cleaned: nothing was left behind");
    const width = Math.max(...answers.map((answer) => answer.name.length));
    for (const { name, ok, detail, remedy } of answers) {
      print(`${ok ? "ok     " : "missing"}  ${name.padEnd(width)}  ${detail}`);
      if (remedy !== undefined) print(`${" ".repeat(width + 11)}${remedy}`);
    }
    const whose = process.geteuid?.() === 0 ? "" : " of this user's";
    if (found.every(({ state }) => state !== "left")) print(`left behind by runs${whose} that were killed: nothing`);
    for (const { state, what, remedy } of found) {
      print(`${state.padEnd(7)}  ${what}`);
      if (remedy !== undefined) print(`${" ".repeat(9)}${remedy}`);
    }
    print(able ? "the main job can run here" : "the main job cannot run here: see above");
    return able ? 0 : 125;
  },
});
