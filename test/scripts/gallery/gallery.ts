/** Runs a gallery script as a process in a directory of its own, and returns what it printed and what it left there. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import type { RunReport } from "../../../src/report/document.ts";

const ROOT = `${import.meta.dir}/../../..`;

export interface Ran {
  readonly code: number;
  readonly err: string;
  readonly report: RunReport;
  /** Files that were left in the directory, as artifacts name them. */
  readonly left: string[];
}

/** `bun scripts/gallery/NAME.ts ARGS --json` with TMPDIR in a directory that is removed afterwards. */
export async function gallery(name: string, ...args: string[]): Promise<Ran> {
  const directory = mkdtempSync(`${os.tmpdir()}/${name}-`);
  try {
    const child = Bun.spawn([process.execPath, `scripts/gallery/${name}.ts`, ...args, "--json"], {
      ...{ cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: 120_000 },
      env: { ...process.env, TMPDIR: directory, BYTEWITNESS_DIR: "" },
    });
    const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    if (out === "") throw new Error(`${name} ended ${code} without a report: ${err}`);
    const left = readdirSync(directory, { recursive: true, withFileTypes: true });
    const files = left
      .filter((entry) => entry.isFile() && !entry.parentPath.includes("/bun-cc-"))
      .map((entry) => `${entry.parentPath}/${entry.name}`);
    return { code, err, report: JSON.parse(out), left: files.sort() };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The lines of a report's only section. */
export function linesOf({ sections = [] }: RunReport): readonly string[] {
  return sections.flatMap(({ lines }) => lines);
}
