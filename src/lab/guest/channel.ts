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

  constructor(label: string, take: (bytes: Uint8Array) => void, device: (label: string) => string[]) {
    this.#label = label;
    this.#device = device;
    this.#name = `bytewitness-lab-${process.pid}-${crypto.randomUUID()}-${label}`;
    const finish = () => this.#done.resolve();
    this.#server = Bun.listen({
      unix: `\0${this.#name}`,
      socket: {
        open: () => {
          this.#connected = true;
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
