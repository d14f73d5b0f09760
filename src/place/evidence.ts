/**
 * Evidence that outlives a vanishing file system: corrupt files copied to a directory of their own under TMPDIR.
 */
import { constants, copyFileSync, mkdtempSync } from "node:fs";
import os from "node:os";
import { basename } from "node:path";

/** Copies the files; their new paths. Copies are sparse-agnostic and never overwrite. */
export function saveEvidence(tool: string, files: readonly string[]): string[] {
  if (files.length === 0) return [];
  const directory = mkdtempSync(`${os.tmpdir()}/bytewitness-${tool}-evidence-`);
  return files.map((file) => {
    const copy = `${directory}/${basename(file)}`;
    copyFileSync(file, copy, constants.COPYFILE_EXCL);
    return copy;
  });
}
