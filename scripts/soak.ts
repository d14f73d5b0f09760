#!/usr/bin/env bun
/**
 * soak: kills runs at random moments and proves that nothing of them stays.
 *
 * What it does: two runs at once of scripts of this repository, SIGKILL to one of them, to one of its processes or to all
 * of them, at a moment that the seed decides; then the look: no file, directory, process, mount, loop device, memory
 * group or lease is left, every shared setting is as before, and the files of a stranger are untouched.
 * Needs: root to see it all (without root, runs have no file systems and settings of their own to leave).
 * Exit codes: 0 nothing was left, 1 never, 255 something was, 254 bad arguments.
 * Run: bun run soak.ts [KILLS=200] [--seed N] [--only SCRIPT]
 */
import { readdirSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { runCommand, UsageError } from "bytewitness";
import { PARENT_VARIABLE } from "../src/cli/describe.ts";
import { abortable } from "../src/cli/interruption.ts";
import { printLine } from "../src/cli/streams.ts";
import { createDirectory } from "../src/machine/own-file.ts";
import { type KillCandidate, playRound } from "../src/machine/soak/kills.ts";
import { Random } from "../src/workload/random.ts";

const HERE = import.meta.dir;
const APPEND = join(HERE, "uring-append.ts");

/** Every script, as a user would start it; DIR is the round's directory, RUN distinguishes the two runs. */
function candidates(): KillCandidate[] {
  const gallery = readdirSync(join(HERE, "gallery"))
    .filter((name) => name.endsWith(".ts"))
    .map((name) => ({ script: join(HERE, "gallery", name), words: ["--quiet"] }));
  return [
    { script: APPEND, words: ["DIR/run-RUN", "30", "4", "--quiet"] },
    { script: APPEND, words: ["DIR/jobs-RUN", "30", "4", "--jobs", "3", "--quiet"] },
    { script: APPEND, words: ["--quiet"] },
    { script: APPEND, words: ["DIR/none-RUN", "30", "4", "--pressure", "none", "--quiet"] },
    { script: join(HERE, "gallery/append-tear.ts"), words: ["--quiet", "--dirty-limit", "4MiB"] },
    { script: join(HERE, "splice-relay.ts"), words: ["--quiet", "--seconds", "20"] },
    { script: join(HERE, "splice-relay.ts"), words: ["--quiet", "--from", "unix", "--to", "unix", "--seconds", "20"] },
    ...gallery,
  ];
}

await runCommand({
  name: "soak",
  summary: "kills runs at random moments and proves that nothing of them stays",
  positionals: { kills: { kind: "count", default: 200, min: 1, description: "how many rounds" } },
  options: {
    seed: { kind: "count", optional: true, description: "decides scripts, moments and victims" },
    only: { kind: "text", optional: true, description: "scripts whose path has this in it" },
  },
  run: ({ args, print }) =>
    abortable(
      (signal) => soak(args, print, signal),
      (line) => printLine(`soak: ${line}`),
    ),
});

interface Asked {
  readonly kills: number;
  readonly seed: number | undefined;
  readonly only: string | undefined;
}

/** A signal ends it after the round that is being played: what that round began must be gone first. */
async function soak(args: Asked, print: (line: string) => void, signal: AbortSignal): Promise<number> {
  if (args.only === "") throw new UsageError("--only needs a part of a script's name, not an empty string");
  const seed = args.seed ?? (crypto.getRandomValues(new Uint32Array(1))[0] as number);
  const all = candidates().filter(({ script }) => args.only === undefined || script.includes(args.only));
  if (all.length === 0) throw new UsageError(`no script has "${args.only}" in its path; --only takes a part of a name`);
  const random = new Random(seed, "soak");
  const root = createDirectory(`${os.tmpdir()}/bytewitness-soak-`);
  const sums = { kills: 0, late: 0, swept: 0, kept: 0 };
  const problems: string[] = [];
  // A soak that is killed takes its runs along.
  const env = { [PARENT_VARIABLE]: String(process.pid) };
  let rounds = 0;
  for (let index = 0; index < args.kills && !signal.aborted; index += 1) {
    // Every script has its turn; every other time both runs are the same script, so that they meet.
    const first = all[index % all.length] as KillCandidate;
    const second = random.below(2) === 0 ? first : (all[random.below(all.length)] as KillCandidate);
    const victim = (["run", "run", "child", "all"] as const)[random.below(4)] ?? "run";
    const afterMs = 50 + random.below(2000);
    const pick = (count: number) => random.below(count);
    const end = await playRound({ index, candidates: [first, second], afterMs, victim, root: root.path, env, pick });
    rounds += 1;
    sums.kills += end.killed ? 1 : 0;
    sums.late += end.killed ? 0 : 1;
    sums.swept += end.swept;
    sums.kept += end.kept;
    const names = [first, second].map(({ script, words }) => [script.slice(HERE.length + 1), ...words].join(" "));
    for (const line of end.problems) problems.push(`round ${index} (${names.join(" alongside ")}, ${victim}): ${line}`);
  }
  root.remove();
  print(
    `seed ${seed}: ${rounds === args.kills ? rounds : `interrupted after ${rounds} of ${args.kills}`} rounds of two runs; ${sums.kills} killed, ${sums.late} had ended before`,
  );
  print(`put right by guards, but for ${sums.swept} things that the next start removed or restored`);
  if (sums.kept > 0) print(`${sums.kept} files of evidence were kept: scripts found damage on this kernel`);
  print(problems.length === 0 ? "left behind, changed or touched: nothing" : `problems: ${problems.length}`);
  for (const line of problems) print(`  ${line}`);
  return problems.length === 0 ? 0 : 255;
}
