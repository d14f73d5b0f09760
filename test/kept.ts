/** What a run under test has kept goes with the test: the files that its report names, and their evidence directory. */
import { rmSync } from "node:fs";
import { dirname } from "node:path";

export function removeKept({ artifacts }: { readonly artifacts: readonly string[] }): void {
  for (const path of artifacts) {
    const directory = dirname(path);
    rmSync(/\/bytewitness-[^/]*-evidence-[^/]*$/.test(directory) ? directory : path, { recursive: true, force: true });
  }
}
