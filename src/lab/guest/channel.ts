/**
 * A way out of the guest: a stream of bytes that QEMU brings to a socket of ours.
 *
 * Owns the socket and its end. Refuses to end before the last byte was taken: what comes last is evidence.
 */
import type { Socket } from "bun";

/** A channel that is silent for this long after its guest is gone has nothing more. */
const SILENCE_MS = 5000;

/** A way out of the guest: an abstract unix socket that QEMU connects to, and the guest's device for it. */
export class GuestChannel {
  readonly #name: string;
  readonly #label: string;
  readonly #device: (label: string) => string[];
  readonly #server: { stop(close?: boolean): void };
  #connected = false;
  #lastMs = 0;
  readonly #done = Promise.withResolvers<void>();
  #peer: Socket | undefined;

  constructor(label: string, take: (bytes: Uint8Array) => void, device: (label: string) => string[]) {
    this.#label = label;
    this.#device = device;
    this.#name = `bytewitness-lab-${process.pid}-${crypto.randomUUID()}-${label}`;
    const finish = () => this.#done.resolve();
    this.#server = Bun.listen({
      unix: `\0${this.#name}`,
      socket: {
        open: (socket: Socket) => {
          this.#connected = true;
          this.#peer = socket;
        },
        data: (_socket: Socket, bytes: Uint8Array) => {
          this.#lastMs = performance.now();
          take(bytes);
        },
        close: finish,
        error: finish,
      },
    });
  }

  get arguments(): string[] {
    return [
      ...["-chardev", `socket,id=${this.#label},path=${this.#name},abstract=on,tight=on`],
      ...this.#device(this.#label),
    ];
  }

  /** Sends a line the other way, into the guest. */
  answer(line: string): void {
    this.#peer?.write(`${line}\n`);
  }

  /** Resolves when the last byte was taken; at once if QEMU never came. */
  async closed(): Promise<void> {
    if (!this.#connected) return;
    // The peer is dead by now, so its end of the stream is on its way, behind many MiB of evidence on a loaded machine.
    let over = false;
    void this.#done.promise.then(() => {
      over = true;
    });
    // Silence as long as this is a lost event.
    for (this.#lastMs = performance.now(); !over && performance.now() - this.#lastMs < SILENCE_MS; )
      await Promise.race([this.#done.promise, Bun.sleep(100)]);
  }

  stop(): void {
    this.#server.stop(true);
  }
}

/** What the guest's init writes behind the last byte of each stream; no report holds it, and a tar stream is over before. */
const END = Buffer.from("\0lab: end of stream\0\n");

/**
 * A stream up to its end mark, which is kept from the taker. Bytes that may be the beginning of the mark wait for what
 * follows them.
 */
export class MarkedStream {
  readonly #take: (bytes: Uint8Array) => void;
  readonly #onEnd: () => void;
  #held = Buffer.alloc(0);
  #ended = false;

  constructor(take: (bytes: Uint8Array) => void, onEnd: () => void) {
    this.#take = take;
    this.#onEnd = onEnd;
  }

  push(bytes: Uint8Array): void {
    const all = this.#held.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#held, bytes]);
    const ended = !this.#ended && all.length >= END.length && all.subarray(-END.length).equals(END);
    const kept = ended ? END.length : waitingBytes(all);
    this.#held = Buffer.from(ended ? all.subarray(0, 0) : all.subarray(all.length - kept));
    if (all.length > kept) this.#take(all.subarray(0, all.length - kept));
    if (!ended) return;
    this.#ended = true;
    this.#onEnd();
  }

  /** The guest is gone without a mark: what was held back belongs to the stream. */
  end(): void {
    if (this.#held.length > 0) this.#take(this.#held);
    this.#held = Buffer.alloc(0);
  }
}

/** How many of the last bytes could be the beginning of the mark. */
function waitingBytes(bytes: Buffer): number {
  for (let length = Math.min(END.length - 1, bytes.length); length > 0; length--)
    if (bytes.subarray(-length).equals(END.subarray(0, length))) return length;
  return 0;
}
