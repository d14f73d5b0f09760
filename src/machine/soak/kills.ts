/**
 * Kills runs at random moments and proves that nothing of them is left.
 *
 * Owns one round: a directory with files of a stranger, two runs at once, SIGKILL to one of them, to one of its children
 * or to all its processes, then the look. What the guards did is waited for; what guards could not do, because they were
 * killed too, the next start does, as it would for a user. Refuses to touch a process that it did not start: its own
 * carry a variable with the round's value.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { ownCommand } from "../../ops/self.ts";
import { leases } from "../lease.ts";
import { isEvidence } from "../own-file.ts";
import { leftovers, sweep } from "../sweep.ts";
import { groupsOf, loopDevices, processes, settings, tree } from "./snapshot.ts";

const VARIABLE = "BYTEWITNESS_SOAK";
const WAIT_MS = 30_000;

/** A script as it is run: words in which DIR is the round's directory. */
export interface KillCandidate {
  readonly script: string;
  readonly words: readonly string[];
}

export interface KillRound {
  readonly index: number;
  /** The same for both runs, or one each. */
  readonly candidates: readonly KillCandidate[];
  /** When the kill comes, after the start. */
  readonly afterMs: number;
  readonly victim: "run" | "child" | "all";
  /** Below which directory the round's own is made. */
  readonly root: string;
  /** For the environment of the runs. */
  readonly env?: Readonly<Record<string, string>>;
  /** How long the end of a process, a mount or a foreign lease is waited for. */
  readonly waitMs?: number;
  /** Picks one of so many, for the child. */
  pick(count: number): number;
}

export interface RoundEnd {
  /** False when the run had ended by itself. */
  readonly killed: boolean;
  /** What the guards left to the next start. */
  readonly swept: number;
  /** Evidence that a run kept, because it found damage on this kernel. */
  readonly kept: number;
  /** Everything that is wrong. */
  readonly problems: readonly string[];
}

const STRANGERS: readonly string[] = ["notes.txt", "p.1000001", "q.door.7", "bytewitness-1", "append-tear.1000001"];

export async function playRound(round: KillRound): Promise<RoundEnd> {
  const directory = `${round.root}/${round.index}`;
  mkdirSync(`${directory}/tmp`, { recursive: true });
  const token = `${process.pid}-${round.index}`;
  const before = await quietSettings();
  const children = round.candidates.map((candidate, index) =>
    start(candidate, { directory, token, index, env: round.env ?? {} }),
  );
  await Bun.sleep(round.afterMs);
  // A stranger's files come while the runs are there: their numbers are taken from no one.
  for (const name of STRANGERS) writeFileSync(`${directory}/${name}`, `a stranger's ${name}`);
  const strangers = tree(directory);
  const first = children[0] as Bun.Subprocess;
  const killed = first.exitCode === null;
  const pids = processes(VARIABLE, token);
  kill(round, first, pids);
  // The second run is killed as well, a little later; what outlives both is a guard or an orphan.
  await Bun.sleep(round.afterMs / 8);
  pids.push(...processes(VARIABLE, token));
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(children.map((child) => child.exited));
  const problems = await allGone(token, round.waitMs ?? WAIT_MS);
  const swept = sweep().filter((line) => pids.some((pid) => line.includes(`run ${pid},`)) || line.includes("restored"));
  problems.push(...(await look(directory, { before, pids }, round.waitMs ?? WAIT_MS)));
  const kept = evidence(directory, strangers, problems);
  if (problems.length === 0) rmSync(directory, { recursive: true });
  return { killed, swept: swept.length, kept, problems };
}

function start(
  candidate: KillCandidate,
  place: { directory: string; token: string; index: number; env: Readonly<Record<string, string>> },
): Bun.Subprocess {
  const { directory, token, index, env } = place;
  const words = candidate.words.map((word) => word.replace("DIR", directory).replace("RUN", String(index)));
  return Bun.spawn(ownCommand(candidate.script, ...words), {
    cwd: directory,
    env: { ...process.env, ...env, [VARIABLE]: token, TMPDIR: `${directory}/tmp` },
    stdio: ["ignore", "ignore", "ignore"],
  });
}

function kill(round: KillRound, first: Bun.Subprocess, pids: readonly number[]): void {
  const others = pids.filter((pid) => pid !== first.pid);
  const some = others.length === 0 ? [] : [others[round.pick(others.length)] as number];
  const victims = round.victim === "run" ? [first.pid] : round.victim === "child" ? some : pids;
  for (const pid of victims) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended between the look and the kill.
    }
  }
}

/** Waits until no process of the round lives: guards end by themselves, orphans die with their parents. */
async function allGone(token: string, waitMs: number): Promise<string[]> {
  const deadlineMs = performance.now() + waitMs;
  for (;;) {
    const alive = processes(VARIABLE, token);
    if (alive.length === 0) return [];
    if (performance.now() > deadlineMs) {
      const names = alive.map(
        (pid) => `${pid} (${readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim()})`,
      );
      for (const pid of alive) process.kill(pid, "SIGKILL");
      return [`processes lived on: ${names.join(", ")}`];
    }
    await Bun.sleep(20);
  }
}

/** The settings when no run holds any: other users of this machine may run scripts too. */
async function quietSettings(): Promise<string[]> {
  const deadlineMs = performance.now() + WAIT_MS;
  while (leases().some(({ state }) => state === "held") && performance.now() < deadlineMs) await Bun.sleep(50);
  return settings();
}

async function look(
  directory: string,
  { before, pids }: { readonly before: readonly string[]; readonly pids: readonly number[] },
  waitMs: number,
): Promise<string[]> {
  const deadlineMs = performance.now() + waitMs;
  for (;;) {
    const after = await quietSettings();
    const changed = after.filter(
      (line) => !before.includes(line) && before.some((old) => nameOf(old) === nameOf(line)),
    );
    const wrong = [
      ...changed.map((line) => `a setting is not as before: ${line}`),
      ...loopDevices(directory).map((line) => `a loop device is left: ${line}`),
      ...groupsOf(pids).map((line) => `a memory group is left: ${line}`),
      ...leftovers()
        .filter(({ pid }) => pids.includes(pid))
        .map(({ kind, path }) => `a ${kind} is left: ${path}`),
    ];
    // The kernel takes a moment to end a namespace and what is mounted in it.
    if (wrong.length === 0 || performance.now() > deadlineMs) return wrong;
    await Bun.sleep(50);
  }
}

const nameOf = (line: string) => line.slice(0, line.indexOf(" = "));

/** Compares the directory with the stranger's files; how many files are evidence, which stays by right. */
function evidence(directory: string, strangers: ReadonlyMap<string, string>, problems: string[]): number {
  const now = tree(directory);
  const theirs = STRANGERS.map((name) => `${directory}/${name}`);
  for (const path of theirs) {
    const content = now.has(path) ? readFileSync(path, "utf8") : "";
    const whole =
      now.get(path) === strangers.get(path) && content === `a stranger's ${path.slice(directory.length + 1)}`;
    if (!whole) problems.push(`a stranger's file was touched: ${path}`);
  }
  let kept = 0;
  for (const path of now.keys()) {
    if (theirs.includes(path) || path === `${directory}/tmp`) continue;
    // Bun keeps the headers of its compiler where temporary files go, for every program of this user.
    if (path.startsWith(`${directory}/tmp/bun-cc-`)) continue;
    if (isEvidence(path)) kept += 1;
    else problems.push(`a file is left: ${path}`);
  }
  return kept;
}
