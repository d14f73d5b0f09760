/**
 * What a guest leaves behind: the corrupt files, journals and reports of a script, as files on the host.
 *
 * Owns the directory they land in and the tar stream that fills it. Refuses to make a directory when nothing comes.
 */
import { accessSync, constants, existsSync, mkdirSync, readdirSync, rmdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { EXIT } from "../../report/document.ts";
import { findProgram, LabError } from "../kernels/cache.ts";

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

/**
 * The directory for what comes back, made before the boot, so that a place that takes no files is known by then; nothing
 * in it is anybody else's. What nothing came to goes again.
 */
export class ArtifactPlace implements Disposable {
  readonly path: string;
  readonly #topmost: string | undefined;

  constructor(path: string) {
    this.path = resolve(path);
    try {
      this.#topmost = mkdirSync(this.path, { recursive: true });
      if (readdirSync(this.path).length > 0)
        throw new LabError(`--artifacts: ${path} is not empty; name a new directory`, { exitCode: EXIT.badArguments });
      accessSync(this.path, constants.W_OK);
    } catch (error) {
      this[Symbol.dispose]();
      if (error instanceof LabError) throw error;
      const line = `--artifacts: no files can be put in ${path} (${(error as NodeJS.ErrnoException).code}); name a directory that takes some`;
      throw new LabError(line, { exitCode: EXIT.badArguments, cause: error });
    }
  }

  [Symbol.dispose](): void {
    if (this.#topmost === undefined) return;
    try {
      for (let path = this.path; path.startsWith(this.#topmost); path = dirname(path)) rmdirSync(path);
    } catch {
      // It holds what came back.
    }
  }
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
