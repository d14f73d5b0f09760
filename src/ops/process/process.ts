/**
 * This script again, in a process of its own, for one exported function with these descriptors: what fork(2) is for.
 *
 * Owns the child until it has ended: it dies with us (PR_SET_PDEATHSIG), and with its handle. Descriptors among the
 * arguments are the same open files there, file positions shared, as after fork. Memory is not shared: buffers,
 * barriers and SharedArrayBuffers are refused. What the child prints goes to stderr: stdout is the report's.
 */
import type { SyscallName } from "../../sys/thread.ts";
import { Inconclusive } from "../errors.ts";
import type { Fd } from "../fd.ts";
import { openMemfd, read, write } from "../file.ts";
import { allocate, type KernelBuffer } from "../memory.ts";
import { ownCommand } from "../self.ts";
import { sizeOf } from "../stat.ts";
import { untilAsleep } from "../thread/asleep.ts";
import { type Plain, plain, revived, revivedError, type ThreadAnswer } from "../thread/crossing.ts";
import { type AnyFunction, type FunctionPlace, placeOf } from "../thread/functions.ts";

/** The child's first descriptor after the standard three: the request, and later the answer. */
export const MAIL_FD = 3;

export interface ProcessRequest {
  readonly place: FunctionPlace;
  readonly args: readonly Plain[];
  readonly parent: number;
}

/** Puts a value into a memfd, in place of what was there; the child reads it, or we do. */
export function putMail(mail: Fd, value: unknown): void {
  const bytes = process.getBuiltinModule("node:v8").serialize(value);
  using memory = allocate(bytes.length + 8);
  memory.view.setUint32(0, bytes.length, true);
  memory.bytes.set(bytes, 8);
  for (let done = 0; done < memory.lengthBytes; ) {
    done += write(mail, memory, { offsetBytes: done, bufferOffsetBytes: done });
  }
}

export function takeMail(mail: Fd): unknown {
  using memory = allocate(sizeOf(mail));
  for (let done = 0; done < memory.lengthBytes; )
    done += read(mail, memory, { offsetBytes: done, bufferOffsetBytes: done });
  const bytes = Buffer.from(memory.bytes.slice(8, 8 + memory.view.getUint32(0, true)));
  return process.getBuiltinModule("node:v8").deserialize(bytes);
}

/** A child as Bun.spawn gives it; in our words, so that the package's types need none of Bun's. */
type Spawned = {
  readonly pid: number;
  readonly exitCode: number | null;
  readonly signalCode: string | number | null;
  kill(signal: "SIGKILL"): void;
};

/** A function that runs in a process of its own. */
export class Process<Result> implements Disposable {
  readonly pid: number;
  /** What the function returned, or the error it threw; Inconclusive when the process died without either. */
  readonly result: Promise<Result>;
  readonly #child: Spawned;

  /** By `startProcess`. */
  constructor(child: Spawned, result: Promise<Result>) {
    this.pid = child.pid;
    this.result = result;
    this.#child = child;
    // Whoever does not await the result must not be ended by its failure.
    result.catch(() => undefined);
  }

  /** The result, or undefined when `timeoutMs` passed first: the process is then killed, also inside a system call. */
  async within({ timeoutMs }: { readonly timeoutMs: number }): Promise<{ readonly value: Result } | undefined> {
    const late = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => late.resolve(undefined), timeoutMs);
    const done = this.result.then((value) => ({ value }));
    const first = await Promise.race([done, late.promise]).finally(() => clearTimeout(timer));
    if (first === undefined) this.kill();
    return first;
  }

  /** Waits until its main thread sleeps in `name`: true, or false when it ended first or `timeoutMs` passed. proc(5). */
  asleep(name: SyscallName, timeoutMs = 1000): Promise<boolean> {
    const going = () => this.#child.exitCode === null && this.#child.signalCode === null;
    return untilAsleep({ pid: this.pid, tid: this.pid }, name, { timeoutMs, going });
  }

  /** `int kill(pid_t pid, SIGKILL)`. kill(2). */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  [Symbol.dispose](): void {
    this.kill();
  }
}

/** `startProcess(copy, input, output)`: the exported function `copy` in a process of its own. fork(2). */
export function startProcess<F extends AnyFunction>(fn: F, ...args: Parameters<F>): Process<Awaited<ReturnType<F>>> {
  const seen = { fds: [] as Fd[], buffers: [] as KernelBuffer[] };
  const given = args.map((arg) => plain(arg, seen));
  if (seen.buffers.length > 0 || JSON.stringify(given).includes('"barrier"')) {
    throw new RangeError(`"${fn.name}" cannot get a buffer or barrier: a process does not share this one's memory`);
  }
  const mail = openMemfd("bytewitness-call");
  try {
    const numbers = new Map(seen.fds.map((fd, index) => [fd.number, MAIL_FD + 1 + index]));
    const request: ProcessRequest = {
      place: placeOf(fn),
      args: given.map((arg) => renumbered(arg, numbers)),
      parent: process.pid,
    };
    putMail(mail, request);
    const child = Bun.spawn(ownCommand(Bun.fileURLToPath(new URL("./child.ts", import.meta.url))), {
      stdio: ["ignore", 2, 2, mail.number, ...seen.fds.map((fd) => fd.number)],
    });
    const result = child.exited.then(() => answered(child, mail)).finally(() => mail.close());
    return new Process(child, result as Promise<Awaited<ReturnType<F>>>);
  } catch (error) {
    mail.close();
    throw error;
  }
}

/** The same argument with the numbers that its descriptors have in the child. */
function renumbered(arg: Plain, numbers: ReadonlyMap<number, number>): Plain {
  if ("fd" in arg) return { ...arg, fd: numbers.get(arg.fd) ?? arg.fd };
  if ("list" in arg) return { list: arg.list.map((item) => renumbered(item, numbers)) };
  if (!("fields" in arg)) return arg;
  const entries = Object.entries(arg.fields);
  return { fields: Object.fromEntries(entries.map(([name, value]) => [name, renumbered(value, numbers)])) };
}

function answered(child: Spawned, mail: Fd): unknown {
  const answer = takeMail(mail) as ThreadAnswer | ProcessRequest;
  if ("error" in answer) throw revivedError(answer.error);
  if ("value" in answer) return revived(answer.value);
  const how = child.signalCode === null ? `with exit code ${child.exitCode}` : `by ${child.signalCode}`;
  throw new Inconclusive(`process ${child.pid} ended ${how} before its function "${answer.place.name}" returned`);
}
