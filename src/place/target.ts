/**
 * Where the numbered files of uring-append go: PREFIX.0, PREFIX.1, …
 *
 * Owns the prefix: its directory is chosen and checked by place.ts, and a numbered file that is there already is an
 * error, because nothing is ever overwritten.
 */
import { readdirSync } from "node:fs";
import { UsageError } from "../ops/errors.ts";
import { type Path, pathText } from "../ops/file.ts";
import { choosePlace, namedDirectory, type Place } from "./place.ts";

export interface Target extends Place {
  readonly prefix: Path;
}

export interface TargetOptions {
  readonly prefix: Path | undefined;
  /** The files' base name when the place is ours. */
  readonly name: string;
  /** What the run can occupy at once. */
  readonly neededBytes: number;
  readonly defer: (undo: () => unknown) => void;
  readonly narrate?: (line: string) => void;
  /** A parallel job's place was checked by its parent, and its siblings' files are there. */
  readonly job: { readonly index: number } | undefined;
}

/** The directory part of a prefix, "." when it has none. */
function directoryOf(prefix: Path): Path {
  if (typeof prefix === "string") {
    const slash = prefix.lastIndexOf("/");
    return slash < 0 ? "." : prefix.slice(0, slash) || "/";
  }
  const slash = prefix.lastIndexOf(0x2f);
  return slash < 0 ? "." : slash === 0 ? "/" : prefix.subarray(0, slash);
}

export function chooseTarget(options: TargetOptions): Target {
  const { name, neededBytes } = options;
  const given = options.prefix === undefined ? undefined : directoryOf(options.prefix);
  const place = choosePlace(options, { given, neededBytes, calledBy: "PREFIX" });
  const prefix = options.prefix ?? `${pathText(place.directory)}/${name}`;
  const ours = options.prefix === undefined && namedDirectory(undefined) === undefined;
  if (options.prefix !== undefined) refuseLong(options.prefix);
  if (options.job === undefined && !ours) refuseExisting(prefix, place.directory);
  return { ...place, prefix };
}

/** Longest name on Linux's file systems, NAME_MAX, and room in it for ".uring-offset.1000001". */
const NAME_BYTES_MAX = 255;
const SUFFIX_BYTES = 24;

function refuseLong(prefix: Path): void {
  const bytes = Buffer.from(prefix);
  const left = NAME_BYTES_MAX - SUFFIX_BYTES;
  if (bytes.length - (bytes.lastIndexOf(0x2f) + 1) <= left) return;
  throw new UsageError(`the last part of PREFIX has more than ${left} bytes, and numbers are added to it; shorten it`);
}

/** The files PREFIX.N (or PREFIX.DOOR.N) that are there. */
function numberedFiles(prefix: Path, directory: Path): Path[] {
  const bytes = Buffer.from(typeof prefix === "string" ? Buffer.from(prefix) : prefix);
  const base = bytes.subarray(bytes.lastIndexOf(0x2f) + 1);
  const folder = Buffer.from(typeof directory === "string" ? Buffer.from(directory) : directory);
  return (readdirSync(folder, { encoding: "buffer" }) as Buffer[]).flatMap((entry) => {
    if (!entry.subarray(0, base.length).equals(base)) return [];
    const numbered = /^(?:\.[a-z-]+)?\.(\d+)$/.test(entry.subarray(base.length).toString("latin1"));
    return numbered ? [new Uint8Array(Buffer.concat([folder, Buffer.from("/"), entry]))] : [];
  });
}

/** Nothing is overwritten: a numbered file that is there already is an error that names it. */
function refuseExisting(prefix: Path, directory: Path): void {
  const [first] = numberedFiles(prefix, directory);
  if (first === undefined) return;
  throw new UsageError(`"${pathText(first)}" exists and is never overwritten; move it away or choose another PREFIX`);
}
