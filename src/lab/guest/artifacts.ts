/**
 * What a guest leaves behind: the corrupt files, journals and reports of a script, as files on the host.
 *
 * Owns the directory they land in and the tar stream that fills it. Refuses to make a directory when nothing comes.
 */
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../kernels/cache.ts";

export interface Artifact {
  readonly path: string;
  readonly sizeBytes: number;
}

/** A directory of this run's own below the temporary directory: artifacts are evidence, not cache. */
export function defaultArtifactDirectory(label: string): string {
  const stamp = new Date().toISOString().replace(/[-:]/g, "").replace(/\..*/, "Z");
  const name = `${label.replace(/[^A-Za-z0-9.+~-]/g, "_")}-${stamp}-${process.pid}`;
  return join(tmpdir(), "bytewitness-artifacts", name);
}

/** Unpacks the guest's tar stream as it comes. */
export class ArtifactReceiver {
  readonly directory: string;
  #child: Bun.Subprocess<"pipe", "ignore", "inherit"> | undefined;

  constructor(directory: string) {
    this.directory = directory;
  }

  push(bytes: Uint8Array): void {
    if (!this.#child) {
      mkdirSync(this.directory, { recursive: true });
      // -i: it takes the zeros behind the archive too; without, it ends there and the guest's last bytes meet a closed pipe.
      const words = ["-x", "-i", "-C", this.directory, "--no-same-owner", "-f", "-"];
      this.#child = Bun.spawn([findProgram("tar", "tar"), ...words], {
        stdin: "pipe",
        stdout: "ignore",
        stderr: "inherit",
      });
    }
    this.#child.stdin.write(bytes);
  }

  /** Ends the stream and lists the files that arrived; empty when the guest sent none. */
  async finish(): Promise<Artifact[]> {
    if (!this.#child) return [];
    await this.#child.stdin.end();
    await this.#child.exited;
    return listFiles(this.directory);
  }
}

function listFiles(directory: string): Artifact[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return { path, sizeBytes: statSync(path).size };
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}
