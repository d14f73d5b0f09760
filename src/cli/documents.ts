/**
 * Files that a run writes in addition to its report: opened before the run, written after it.
 *
 * Owns every path that is declared `newFile`: a place that cannot be written is a bad argument before anything happened,
 * an existing file is never overwritten, and what stayed empty is removed again. A document that cannot be written after
 * the run is a line on stderr; it never changes what was found. To add one that every reproducer has: declare its flag in
 * COMMON_OPTIONS with `newFile`, and its text in RENDERERS.
 */
import { closeSync, fstatSync, lstatSync, openSync, unlinkSync, writeSync } from "node:fs";
import { UsageError } from "../ops/errors.ts";
import { type Path, pathText } from "../ops/file.ts";
import type { RunReport } from "../report/document.ts";
import { type ArgumentSpecs, flagName } from "./args.ts";
import { namedFiles, newFiles } from "./asked.ts";

/** The text of a document of the common flags; `path` because the ending chooses the form. */
export type Renderer = (report: RunReport, path: string) => Promise<string> | string;

/** By the name of the common flag. */
const RENDERERS: Readonly<Record<string, Renderer>> = {};

/** A file that is made before the work and filled after it. */
export class NewFile implements Disposable {
  readonly path: Path;
  readonly flag: string;
  #fd: number | undefined;
  #written = false;

  /** Throws UsageError where the place exists or cannot be made. */
  constructor(path: Path, flag: string) {
    this.path = path;
    this.flag = flag;
    this.#fd = create(path, flag);
  }

  write(text: string): void {
    if (this.#fd === undefined) throw new RangeError(`write after close of ${pathText(this.path)}`);
    const bytes = Buffer.from(text, "utf8");
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
    this.#written = true;
  }

  /** What stayed empty goes, if it is still the file that we created. */
  [Symbol.dispose](): void {
    const fd = this.#fd;
    if (fd === undefined) return;
    this.#fd = undefined;
    const mine = fstatSync(fd);
    closeSync(fd);
    if (!this.#written && isSame(this.path, mine)) unlinkSync(fsPath(this.path));
  }
}

export class Documents {
  readonly #open = new Map<string, NewFile>();

  /** Creates each new file that the arguments name. Throws UsageError, and then leaves none behind. */
  constructor(specs: ArgumentSpecs, args: Readonly<Record<string, unknown>>) {
    namedFiles(specs, args);
    for (const name of newFiles(specs, args)) {
      try {
        this.#open.set(name, new NewFile(args[name] as Path, flagName(name)));
      } catch (error) {
        this.close();
        throw error;
      }
    }
  }

  /** Writes what the tool made and what RENDERERS make; a line for each that could not be written. */
  async write(report: RunReport, made: Readonly<Record<string, string>> = {}): Promise<string[]> {
    const lines: string[] = [];
    for (const [name, file] of this.#open) {
      try {
        const text = made[name] ?? (await RENDERERS[name]?.(report, pathText(file.path)));
        if (text !== undefined) file.write(text);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        lines.push(`${file.flag} ${pathText(file.path)} could not be written: ${reason}`);
      }
    }
    return lines;
  }

  close(): void {
    for (const file of this.#open.values()) file[Symbol.dispose]();
    this.#open.clear();
  }
}

function fsPath(path: Path): string | Buffer {
  return typeof path === "string" ? path : Buffer.from(path);
}

function create(path: Path, flag: string): number {
  try {
    return openSync(fsPath(path), "wx", 0o644);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") throw new UsageError(`${flag}: ${pathText(path)} exists; name a new file`);
    throw new UsageError(
      `${flag}: ${pathText(path)} cannot be made (${code ?? message}); name a file in a directory that is there and can be written to`,
    );
  }
}

function isSame(path: Path, { dev, ino }: { dev: number; ino: number }): boolean {
  try {
    const found = lstatSync(fsPath(path));
    return found.dev === dev && found.ino === ino;
  } catch {
    return false;
  }
}
