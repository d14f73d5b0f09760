/**
 * Evidence that outlives a vanishing file system: corrupt files copied to a directory of their own.
 *
 * Owns the order of the places tried: TMPDIR, the working directory, /var/tmp, /tmp, the home directory. Never
 * overwrites, never waits, never throws: what cannot be copied is named with the place where it still is, because a
 * verdict must not be lost for want of room.
 */
import { constants, copyFileSync, mkdtempSync, rmdirSync, rmSync } from "node:fs";
import os from "node:os";
import { basename } from "node:path";

export interface Saved {
  /** Which files have a copy, by their paths before. */
  readonly copied: ReadonlyMap<string, string>;
  /** Where the copies are, in the order of the files; what could not be copied is left out. */
  readonly paths: readonly string[];
  /** For the report: each file that could not be copied, why, and where it still is. */
  readonly lines: readonly string[];
}

function places(): string[] {
  return [...new Set([os.tmpdir(), process.cwd(), "/var/tmp", "/tmp", os.homedir()])];
}

/** Copies the files; says what could not be kept. */
export function keepEvidence(tool: string, files: readonly string[], narrate: (line: string) => void): Saved {
  const copied = new Map<string, string>();
  const lines: string[] = [];
  for (const file of files) {
    const copy = copyOut(tool, file);
    if ("path" in copy) copied.set(file, copy.path);
    else lines.push(`"${file}" could not be kept (${copy.reason}); it is there until this run ends`);
  }
  for (const line of lines) narrate(line);
  return { copied, paths: [...copied.values()], lines };
}

/** As `keepEvidence`, without a word about what could not be kept. */
export function saveEvidence(tool: string, files: readonly string[]): string[] {
  return [...keepEvidence(tool, files, () => {}).paths];
}

function copyOut(tool: string, file: string): { readonly path: string } | { readonly reason: string } {
  const reasons: string[] = [];
  for (const place of places()) {
    let directory: string;
    try {
      directory = mkdtempSync(`${place}/bytewitness-${tool}-evidence-`);
    } catch (error) {
      reasons.push(reasonOf(error, place));
      continue;
    }
    const copy = `${directory}/${basename(file)}`;
    try {
      copyFileSync(file, copy, constants.COPYFILE_EXCL);
      return { path: copy };
    } catch (error) {
      reasons.push(reasonOf(error, place));
      // The directory is new, so what lies in it is the broken copy.
      rmSync(copy, { force: true });
      rmdirSync(directory);
    }
  }
  return { reason: reasons.join("; ") };
}

function reasonOf(error: unknown, place: string): string {
  return `${place}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`;
}
