/**
 * A second thread that compares a large file from its end, while the judge reads it from its beginning; they meet.
 *
 * Owns who compares which piece: each is claimed once, from either end, in one word of shared memory. A thread is started
 * when bytes come faster than from a disk with a head, so from the page cache, and enough of them are left to be worth it.
 * Refuses to decide anything: where a byte of the rear is wrong, or the thread fails, the judge reads on in order to the
 * end. No piece counts as right that nobody compared.
 */
import { allowedProcessors } from "../../ops/scheduling.ts";
import { compiledLoops } from "../../sys/loops.ts";
import { MiB } from "../../units.ts";
import type { ScanOrder, ScanRange } from "./scan.ts";

/** As many as a half word counts. */
const PIECES_MAX = 60_000;

/** When a thread is started. */
export interface RearLimits {
  /** Two threads share the rest in pieces of so many bytes, a few milliseconds of work; larger ones in larger files. */
  readonly pieceBytes: number;
  /** How long the rate is watched first. */
  readonly watchedBytes: number;
  readonly bytesPerMsMin: number;
  /** How much must be left. */
  readonly restBytesMin: number;
}

/** A thread takes as long to start as one takes for half a gigabyte. */
const LIMITS: RearLimits = {
  pieceBytes: 16 * MiB,
  watchedBytes: 64 * MiB,
  bytesPerMsMin: 2_000_000,
  restBytesMin: 512 * MiB,
};

/** Words of the shared memory. FRONT_REAR: pieces claimed from the front, and the first one claimed from the rear. */
const FRONT_REAR = 0;
const STATE = 1;
const STOP = 2;
const WORDS = 3;
const RUNNING = 0;
const RIGHT = 1;
const UNKNOWN = 2;

/** What the thread is given. */
export interface RearOrder extends Omit<ScanOrder, "shared" | "slot"> {
  readonly pieceBytes: number;
  readonly edges: SharedArrayBuffer;
  /** The compiled loops of the thread that judges. */
  readonly loops: number | undefined;
}

/** Claims from either end; a claim is undefined when the other side has all that is left. */
class Edges {
  readonly words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory);
  }

  static of(pieces: number): Edges {
    const edges = new Edges(new SharedArrayBuffer(4 * WORDS));
    Atomics.store(edges.words, FRONT_REAR, pieces);
    return edges;
  }

  get rear(): number {
    return Atomics.load(this.words, FRONT_REAR) & 0xffff;
  }

  /** True when the piece is the front's, and with it all before it. */
  claimFront(piece: number): boolean {
    for (;;) {
      const word = Atomics.load(this.words, FRONT_REAR);
      const [front, rear] = [word >>> 16, word & 0xffff];
      if (piece < front) return true;
      if (piece >= rear) return false;
      if (this.#replace(word, piece + 1, rear)) return true;
    }
  }

  claimRear(): number | undefined {
    for (;;) {
      const word = Atomics.load(this.words, FRONT_REAR);
      const [front, rear] = [word >>> 16, word & 0xffff];
      if (rear <= front) return undefined;
      if (this.#replace(word, front, rear - 1)) return rear - 1;
    }
  }

  #replace(word: number, front: number, rear: number): boolean {
    return Atomics.compareExchange(this.words, FRONT_REAR, word, (front << 16) | rear) === word;
  }
}

/** The front's side: created with the scan, of use once `mine` has found that a thread is worth starting. */
export class Rear implements Disposable {
  readonly #order: Pick<RearOrder, "path" | "args" | "reference" | "range">;
  readonly #limits: RearLimits;
  readonly #pieceBytes: number;
  #edges: Edges | undefined;
  #worker: Worker | undefined;
  #watchedFrom: number;
  #watchedAt = performance.now();

  constructor(order: Pick<RearOrder, "path" | "args" | "reference" | "range">, limits = LIMITS) {
    this.#order = order;
    this.#limits = limits;
    const { from, to } = order.range;
    this.#pieceBytes = limits.pieceBytes * Math.ceil((to - from) / limits.pieceBytes / PIECES_MAX);
    this.#watchedFrom = from;
  }

  /** How many bytes at the end the other thread has claimed. */
  get takenBytes(): number {
    if (this.#edges === undefined) return 0;
    const { from, to } = this.#order.range;
    return Math.max(0, to - from - this.#edges.rear * this.#pieceBytes);
  }

  /** How many bytes from this offset on the front may judge; 0 when the rear has them. */
  mine(at: number): number {
    if (this.#edges === undefined) this.#startIfWorthIt(at);
    if (this.#edges === undefined) return Infinity;
    const { from } = this.#order.range;
    const piece = Math.floor((at - from) / this.#pieceBytes);
    return this.#edges.claimFront(piece) ? from + (piece + 1) * this.#pieceBytes - at : 0;
  }

  #startIfWorthIt(at: number): void {
    const bytes = at - this.#watchedFrom;
    const { watchedBytes, restBytesMin, bytesPerMsMin } = this.#limits;
    if (bytes < watchedBytes || this.#order.range.to - at < restBytesMin) return;
    const now = performance.now();
    const isFast = bytes >= (now - this.#watchedAt) * bytesPerMsMin;
    this.#watchedFrom = at;
    this.#watchedAt = now;
    if (isFast && allowedProcessors().length > 1) this.#start(at);
  }

  #start(at: number): void {
    const { from, to } = this.#order.range;
    const edges = Edges.of(Math.ceil((to - from) / this.#pieceBytes));
    edges.claimFront(Math.floor((at - from) / this.#pieceBytes));
    this.#edges = edges;
    const memory = edges.words.buffer as SharedArrayBuffer;
    try {
      this.#worker = new Worker(new URL("./rear-worker.ts", import.meta.url));
      this.#worker.onerror = () => Atomics.store(edges.words, STATE, UNKNOWN);
      this.#worker.unref();
      const order = { ...this.#order, pieceBytes: this.#pieceBytes, edges: memory, loops: compiledLoops() };
      this.#worker.postMessage(order satisfies RearOrder);
    } catch {
      // No room for a thread: nothing was claimed from the rear, and nothing will be.
      Atomics.store(edges.words, STATE, UNKNOWN);
    }
  }

  /** Once `mine` gave 0: whether all that the rear has is right; undefined when `tick` asked to stop. */
  async isRight(tick: () => Promise<boolean>): Promise<boolean | undefined> {
    const { words } = this.#edges as Edges;
    while (Atomics.load(words, STATE) === RUNNING) {
      if (!(await tick())) return undefined;
      await Bun.sleep(1);
    }
    return Atomics.load(words, STATE) === RIGHT;
  }

  [Symbol.dispose](): void {
    if (this.#edges !== undefined) Atomics.store(this.#edges.words, STOP, 1);
    this.#worker?.terminate();
  }
}

/** The rear's side: compares pieces until the front has the rest, one differs, or it is stopped. */
export function compareRear(order: RearOrder, isRight: (range: ScanRange) => boolean): void {
  const edges = new Edges(order.edges);
  const { from, to } = order.range;
  let state = RIGHT;
  for (let piece = edges.claimRear(); piece !== undefined; piece = edges.claimRear()) {
    const start = from + piece * order.pieceBytes;
    const right =
      Atomics.load(edges.words, STOP) === 0 && isRight({ from: start, to: Math.min(to, start + order.pieceBytes) });
    if (right) continue;
    state = UNKNOWN;
    break;
  }
  Atomics.store(edges.words, STATE, state);
}
