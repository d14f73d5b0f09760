/**
 * Puts right what runs that were killed have left: their files, directories and memory groups, and shared settings.
 *
 * Owns reading the registers of dead runs. Removes a thing only if it is the one that was registered (device, inode and
 * birth time), a directory only when it is empty. Whatever cannot be removed yet stays listed for the next time.
 */
import { readdirSync, readFileSync, rmdirSync, unlinkSync, writeFileSync } from "node:fs";
import { SyscallError } from "../ops/errors.ts";
import { unlink } from "../ops/space.ts";
import { statLink } from "../ops/stat.ts";
import { LOCK_EX } from "../sys/uapi/fcntl.ts";
import { mendLeases } from "./lease.ts";
import { type Identity, isStill, ownedText, REGISTER_SUFFIX, type RegisterLine } from "./register.ts";
import { bootId, guarded, openState, stateDirectories, tryLock } from "./state.ts";

/** Something a run has made, or was about to make when it was killed: then without an identity. */
type Made = Extract<RegisterLine, { kind: string }> & { readonly identity?: Identity | undefined };

/** Birth times are those of a clock that moves once per tick: at most this much behind. */
const TICK_MS = 20;

export interface Leftover {
  /** The run that made it. */
  readonly pid: number;
  readonly kind: Made["kind"];
  readonly path: string;
}

interface Dead {
  readonly pid: number;
  readonly things: readonly Made[];
}

/** What a register lists and no one let go of; undefined for one of another boot, or an empty one. */
function parse(text: string): Dead | undefined {
  const lines = text.split("\n").flatMap((line): RegisterLine[] => {
    try {
      return [JSON.parse(line) as RegisterLine];
    } catch {
      return []; // Its writer was killed in the middle of a line.
    }
  });
  const [first] = lines;
  if (first === undefined || !("boot" in first) || first.boot !== bootId()) return undefined;
  const gone = new Set(lines.flatMap((line) => ("gone" in line ? [line.gone] : [])));
  const identities = new Map(lines.flatMap((line) => ("made" in line ? [[line.made, line.identity] as const] : [])));
  const things = lines.flatMap((line): Made[] =>
    "kind" in line && !gone.has(line.id) ? [{ ...line, identity: identities.get(line.id) }] : [],
  );
  return { pid: first.pid, things };
}

/**
 * True when the path names what the run has made. A run that was killed between making a thing and writing down which
 * one it is has made it if it was born after that was intended, belongs to this user and is empty: nothing is written
 * before the identity is.
 */
function isTheirs(thing: Made): boolean {
  if (thing.identity !== undefined) return isStill(pathOf(thing), thing.identity);
  try {
    const { bornNs, uid, kind, sizeBytes } = statLink(pathOf(thing));
    if (bornNs === undefined || uid !== process.geteuid?.()) return false;
    const born = Number(bornNs / 1_000_000n) >= thing.intendedMs - TICK_MS;
    return born && (kind === thing.kind ? kind === "directory" || sizeBytes === 0 : false);
  } catch (error) {
    if (error instanceof SyscallError) return false;
    throw error;
  }
}

const pathOf = (thing: Made) => new Uint8Array(Buffer.from(thing.path, "base64"));

/** Runs `visit` for every register whose run is dead; the register goes when that returns true. */
function eachDead(directory: string, visit: (dead: Dead) => boolean, only: string | undefined): void {
  for (const name of readdirSync(directory).filter((entry) => entry.endsWith(REGISTER_SUFFIX))) {
    const path = `${directory}/${name}`;
    if (only !== undefined && path !== only) continue;
    using file = openState(path);
    if (!tryLock(file, LOCK_EX)) continue;
    const dead = parse(readFileSync(path, "utf8"));
    if (dead === undefined || visit(dead)) unlinkSync(path);
  }
}

/** What dead runs have left and that is still there; for looking. */
export function leftovers(directories: readonly string[] = stateDirectories()): Leftover[] {
  const found: Leftover[] = [];
  for (const directory of directories.filter(hasRegisters)) {
    const visit = ({ pid, things }: Dead) => {
      const there = things.filter(isTheirs);
      found.push(...there.map((thing) => ({ pid, kind: thing.kind, path: ownedText(thing.path) })));
      return false;
    };
    guarded(directory, () => eachDead(directory, visit, undefined));
  }
  return found;
}

const hasRegisters = (directory: string) => readdirSync(directory).some((name) => name.endsWith(REGISTER_SUFFIX));

/**
 * Removes what dead runs have left, and restores the settings they had changed; a line for each thing. `patient`: a
 * directory that is not empty stays listed, for children of the run may be about to empty it.
 */
export function sweep(
  options: { readonly directories?: readonly string[]; readonly register?: string; readonly patient?: boolean } = {},
): string[] {
  const { directories = stateDirectories(), register, patient = false } = options;
  const lines: string[] = [];
  for (const directory of directories.filter(hasRegisters)) {
    guarded(directory, () => eachDead(directory, (dead) => remove(dead, { lines, patient }), register));
  }
  return [...lines, ...mendLeases(directories)];
}

/** Last made, first removed. True when nothing is left that could be removed later. */
function remove({ pid, things }: Dead, { lines, patient }: { lines: string[]; patient: boolean }): boolean {
  let all = true;
  for (const thing of [...things].reverse()) {
    const path = pathOf(thing);
    if (!isTheirs(thing)) continue;
    const text = ownedText(thing.path);
    const found = REMOVERS[thing.kind](path, text);
    const outcome = patient && found === "kept" ? "busy" : found;
    if (outcome === "removed") lines.push(`removed ${NAMES[thing.kind]} "${text}" of run ${pid}, which was killed`);
    if (outcome === "busy") all = false;
  }
  return all;
}

const NAMES = { file: "the file", directory: "the directory", group: "the memory group" } as const;

type SweepOutcome = "removed" | "busy" | "kept";

const REMOVERS: Record<Made["kind"], (path: Uint8Array, text: string) => SweepOutcome> = {
  file: (path) => {
    try {
      unlink(path);
      return "removed";
    } catch (error) {
      if (error instanceof SyscallError) return "busy";
      throw error;
    }
  },
  // What somebody put into a directory of ours stays, and so does the directory.
  directory: (path) => removeDirectory(path, "kept"),
  group: (path, text) => {
    try {
      writeFileSync(`${text}/memory.max`, "max");
    } catch {
      // A group whose limit cannot be lifted can still be removed.
    }
    // Children of the run may be on their way out.
    return removeDirectory(path, "busy");
  },
};

function removeDirectory(path: Uint8Array, otherwise: SweepOutcome): SweepOutcome {
  try {
    rmdirSync(Buffer.from(path));
    return "removed";
  } catch {
    return otherwise;
  }
}
