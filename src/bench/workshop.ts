/**
 * A directory for what a benchmark makes: programs, configurations, one large file.
 *
 * Owns their removal: at the end, and by the guard when the benchmark is killed, for each file in it is this run's own by
 * device and inode. Refuses to be shared.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { adoptFile, createDirectory, createFile } from "../machine/own-file.ts";
import { O_RDWR } from "../sys/uapi/fcntl.ts";

export class Workshop implements Disposable {
  readonly path: string;
  readonly #forget: () => void;
  #open = true;

  constructor(prefix: string) {
    const directory = createDirectory(prefix);
    this.path = directory.path;
    this.#forget = directory.remove;
    process.once("exit", () => this[Symbol.dispose]());
  }

  /** A new, empty file; its path. */
  file(name: string): string {
    const path = join(this.path, name);
    createFile(path, O_RDWR).fd.close();
    return path;
  }

  /** A file that a program has made here is ours from now on (compilers replace a file that is there). */
  made(path: string): void {
    adoptFile(path);
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    rmSync(this.path, { recursive: true, force: true });
    this.#forget();
  }
}
