/**
 * Evidence that outlives its run: corrupt files in one directory per place, `bytewitness-TOOL-evidence-XXXXXXXX`.
 *
 * Owns those directories: a file that may stay on its file system is moved into one next to it; from a file system that
 * vanishes it is copied to the first of TMPDIR, the working directory, /var/tmp, /tmp and the home directory that takes
 * it. Never overwrites, never waits, never throws: what cannot be copied is named with the place where it still is,
 * because a verdict must not be lost for want of room. A directory that was made for nothing is removed.
 */
import { copyFileSync, existsSync, renameSync } from "node:fs";
import os from "node:os";
import { basename, dirname } from "node:path";
import { createDirectory, createFile, evidencePrefix, keepsEvidence, type OwnFile } from "../machine/own-file.ts";
import { scriptPath, workingDirectory } from "../ops/self.ts";
import { O_WRONLY } from "../sys/uapi/fcntl.ts";
import type { Defers } from "./place.ts";

export interface Saved {
  /** Which files have a copy, by their paths before. */
  readonly copied: ReadonlyMap<string, string>;
  /** Where the copies are, in the order of the files; what could not be copied is left out. */
  readonly paths: readonly string[];
  /** For the report: each file that could not be copied, why, and where it still is. */
  readonly lines: readonly string[];
}

function places(): string[] {
  return [...new Set([os.tmpdir(), workingDirectory() ?? "/tmp", "/var/tmp", "/tmp", os.homedir()])];
}

/** Copies the files; states what could not be kept. */
export function keepEvidence(tool: string, files: readonly string[], narrate: (line: string) => void): Saved {
  const copied = new Map<string, string>();
  const lines: string[] = [];
  if (!keepsEvidence()) return { copied, paths: [], lines };
  for (const file of files) {
    const copy = copyOut(tool, file);
    if ("path" in copy) copied.set(file, copy.path);
    else lines.push(`"${file}" could not be kept (${copy.reason}); it is there until this run ends`);
  }
  for (const line of lines) narrate(line);
  return { copied, paths: [...copied.values()], lines };
}

/**
 * Copies files into a new directory with `tool` in its name, in the first of TMPDIR, the working directory, /var/tmp, /tmp
 * and the home directory that takes them; the paths of the copies. A file that could not be copied is left out.
 */
export function saveEvidence(tool: string, files: readonly string[]): string[] {
  return [...keepEvidence(tool, files, () => {}).paths];
}

/** A file of the run's own becomes evidence, in the evidence directory next to it; where it is from now on. */
export function keepOwn({ tally }: Pick<Defers, "tally">, path: string, file: Pick<OwnFile, "keep">): string {
  // What the end of the run copies out of a place that vanishes goes with that place.
  const vanishes = tally?.vanishes(path) ?? false;
  const kept = vanishes || !keepsEvidence() ? path : moved(path);
  if (!vanishes) file.keep();
  tally?.keptFile(kept);
  return kept;
}

function moved(path: string): string {
  const tool = basename(scriptPath()).replace(/\.[^.]*$/, "");
  try {
    return inDirectory(dirname(path), tool, basename(path), (place) => renameSync(path, place));
  } catch {
    // A place that takes no directory any more: evidence all the same, where it is.
    return path;
  }
}

function copyOut(tool: string, file: string): { readonly path: string } | { readonly reason: string } {
  const reasons: string[] = [];
  // A file that has no name is given by its descriptor.
  const name = /^\/proc\/self\/fd\/\d+$/.test(file) ? tool : basename(file);
  for (const place of places()) {
    try {
      return { path: inDirectory(place, tool, name, (copy) => copyTo(file, copy)) };
    } catch (error) {
      reasons.push(reasonOf(error, place));
    }
  }
  return { reason: reasons.join("; ") };
}

/** The copy is this run's, to be removed with it, until it is whole. */
function copyTo(file: string, copy: string): void {
  const { fd, file: own } = createFile(copy, O_WRONLY);
  try {
    fd.close();
    copyFileSync(file, copy);
    own.keep();
  } catch (error) {
    own.remove();
    throw error;
  }
}

/** Where this process keeps evidence already, by place and tool. */
const directories = new Map<string, string>();

/** Has `put` bring a file to a name of its own in the place's evidence directory; the path. */
function inDirectory(place: string, tool: string, name: string, put: (path: string) => void): string {
  const prefix = evidencePrefix(place, tool);
  const known = directories.get(prefix);
  if (known !== undefined && existsSync(known)) return putInto(known, name, put);
  const made = createDirectory(prefix);
  try {
    const path = putInto(made.path, name, put);
    directories.set(prefix, made.path);
    return path;
  } finally {
    // It stays if something is in it.
    made.remove();
  }
}

function putInto(directory: string, name: string, put: (path: string) => void): string {
  let path = `${directory}/${name}`;
  for (let count = 2; existsSync(path); count += 1) path = `${directory}/${name}-${count}`;
  put(path);
  return path;
}

function reasonOf(error: unknown, place: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return `${place}: ${code ?? message}`;
}
