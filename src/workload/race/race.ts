/**
 * Several appenders of tagged records racing for the end of one file, each in a thread with a ring and a descriptor of
 * its own, and a loop that starts writeback next to them.
 *
 * Owns the threads, the rounds (one new file each, bounded in bytes and time) and the tally of what every writer was
 * acknowledged. Refuses to read back: whether a record lies whole is the judge's business.
 */
import { Inconclusive } from "../../ops/errors.ts";
import type { Fd } from "../../ops/fd.ts";
import type { Path } from "../../ops/file.ts";
import { RECORD_BYTES_MAX } from "../../pattern/record.ts";

/** One appender. Records of `recordBytes`, one at a time, through one door. */
export interface WriterSpec {
  /** "uring": io_uring; "uring-async": the same with IOSQE_ASYNC; "write": plain write(2). */
  readonly door: "uring" | "uring-async" | "write";
  readonly recordBytes: number;
  /** Pause between records. */
  readonly gapUs?: number;
  /**
   * futimens(2) right before the append: a file that needs a new time stamp is not appended to inline
   * (file_modified_flags() answers EAGAIN).
   */
  readonly prime?: boolean;
  /**
   * Memory pressure around the submit (io_uring only), for files in this directory: a memory group's limit where
   * cgroup2 allows one.
   */
  readonly pressureFor?: Path | undefined;
  /** fdatasync(2) before each record, as a log does: the device has caught up when the next one begins. */
  readonly sync?: boolean;
  /** A second record queued in the same submission (io_uring only), linked to the first or not. */
  readonly second?: { readonly recordBytes: number; readonly linked: boolean };
}

export interface RecordRaceOptions {
  readonly writers: readonly WriterSpec[];
  /** Runs sync_file_range(SYNC_FILE_RANGE_WRITE) over the whole file this often; left out: never. */
  readonly writebackEveryUs?: number | undefined;
}

export interface RoundOptions {
  /** Open for appending; every writer gets a descriptor made by `open`. */
  readonly open: () => Fd;
  readonly generation: number;
  readonly seconds: number;
  /** The round ends when the writers have appended this much. */
  readonly bytesMax: number;
}

/** What the kernel reported to one stream of records. Sequences count from 0 in every round. */
export interface WriterRecord {
  readonly writer: number;
  readonly recordBytes: number;
  /** Records submitted; those not in `partial` were reported written whole. */
  readonly records: number;
  /** Records whose result was not their length: sequence and result. */
  readonly partial: readonly { readonly sequence: number; readonly result: number }[];
}

interface Round {
  readonly tallies: readonly WriterRecord[];
  /** Inline writes that the kernel left half-way, as far as it can be seen; null when it cannot. */
  readonly shortWrites: number | null;
  readonly how: string;
  readonly writebacks: number;
  /** What pressed on the writers, in words; undefined when nothing was asked to. */
  readonly pressure: string | undefined;
}

/** What goes to a writer's thread for one round. */
export interface RaceOrder {
  readonly fd: number;
  readonly writer: number;
  readonly generation: number;
  /** [0] stop, [1] KiB appended so far, [2] KiB at which the round ends, [3] threads that are ready, [4] of how many. */
  readonly shared: SharedArrayBuffer;
  readonly spec: WriterSpec | { readonly writebackEveryUs: number };
}

export interface RaceAnswer {
  readonly tallies: readonly WriterRecord[];
  readonly writebacks: number;
  readonly shortWrites: number | null;
  readonly how: string;
  readonly pressure?: string | undefined;
  readonly failure?: string;
  /** The failure is the kernel's refusal. */
  readonly refused?: boolean;
}

/** Sent to a thread whose race is over: it takes back what it pressed with. */
export const FINISH = "finish";

export const STOP = 0;
export const APPENDED_KIB = 1;
export const LIMIT_KIB = 2;
export const READY = 3;
export const THREADS = 4;

/** The second record of a pair belongs to a writer of its own: number + this. */
export const SECOND_WRITER = 64;

export class RecordRace implements AsyncDisposable {
  readonly #workers: readonly Worker[];
  readonly #orders: readonly RaceOrder["spec"][];

  /** Starts the threads; they sleep until a round begins. */
  constructor(options: RecordRaceOptions) {
    for (const { recordBytes } of options.writers) {
      if (recordBytes > RECORD_BYTES_MAX) throw new RangeError(`a record has at most ${RECORD_BYTES_MAX} bytes`);
    }
    const { writebackEveryUs } = options;
    this.#orders = [...options.writers, ...(writebackEveryUs === undefined ? [] : [{ writebackEveryUs }])];
    this.#workers = this.#orders.map(() => new Worker(new URL("./writer.ts", import.meta.url).href));
  }

  /** One round: every writer appends until the bytes or the seconds are used up. */
  async round(options: RoundOptions): Promise<Round> {
    const shared = new SharedArrayBuffer(64);
    const cells = new Int32Array(shared);
    cells[LIMIT_KIB] = Math.ceil(options.bytesMax / 1024);
    cells[THREADS] = this.#orders.length;
    const fds = this.#orders.map(() => options.open());
    const timer = setTimeout(() => Atomics.store(cells, STOP, 1), options.seconds * 1000);
    const answers = this.#workers.map((worker, index) => {
      const spec = this.#orders[index] as RaceOrder["spec"];
      const fd = (fds[index] as Fd).number;
      return ask(worker, { fd, writer: index, generation: options.generation, shared, spec });
    });
    // A failure of the writeback loop is asked for after the writers' answers.
    for (const answer of answers) answer.catch(() => {});
    try {
      const isWriter = (_: unknown, index: number) => "door" in (this.#orders[index] as object);
      await Promise.all(answers.filter(isWriter));
      Atomics.store(cells, STOP, 1);
      return merged(await Promise.all(answers));
    } finally {
      clearTimeout(timer);
      Atomics.store(cells, STOP, 1);
      // A thread that another one's failure stops still uses its descriptor, and its own failure then is not news.
      await Promise.allSettled(answers);
      for (const fd of fds) fd.close();
    }
  }

  /** Lets every thread take back its pressure, then ends it. Not to be called while a round is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#workers.map((worker) => ask(worker, FINISH)));
    for (const worker of this.#workers) worker.terminate();
  }
}

function ask(worker: Worker, order: RaceOrder | typeof FINISH): Promise<RaceAnswer> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<RaceAnswer>) =>
      data.failure === undefined
        ? resolve(data)
        : reject(data.refused === true ? new Inconclusive(data.failure) : new Error(data.failure));
    worker.onerror = ({ message }) => reject(new Error(`a writer's thread failed: ${message}`));
    worker.postMessage(order);
  });
}

function merged(answers: readonly RaceAnswer[]): Round {
  const seen = answers.filter((answer) => answer.shortWrites !== null && answer.how !== "");
  const blind = answers.find((answer) => answer.shortWrites === null);
  return {
    tallies: answers.flatMap((answer) => answer.tallies),
    shortWrites: blind === undefined ? seen.reduce((sum, answer) => sum + (answer.shortWrites ?? 0), 0) : null,
    how: (blind ?? seen[0])?.how ?? "no writer used io_uring",
    writebacks: answers.reduce((sum, answer) => sum + answer.writebacks, 0),
    pressure: answers.find((answer) => answer.pressure !== undefined)?.pressure,
  };
}
