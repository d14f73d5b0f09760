/**
 * Damage on purpose, inside the relay: one chunk of one connection, chosen by the seed to the byte.
 *
 * Owns taking a chunk out of the pipe, damaging it and putting it back in order. Bytes pass through user memory only
 * in that one moment; before and after it the data path is untouched. What was done is recorded (`done`), so that a test
 * and a report can compare it with what the judge found.
 */
import { assert } from "../../../ops/errors.ts";
import { readFully, writeAll } from "../../../ops/file.ts";
import { allocate, type Memory } from "../../../ops/memory.ts";
import type { Journal } from "../../journal.ts";
import { Random } from "../../random.ts";
import { INJECT } from "../evidence/transfers.ts";
import type { RelayInjection } from "../options.ts";
import type { Filter, RelayChannel } from "./channel.ts";

/** What was damaged, in the stream that leaves the relay. */
export interface InjectionDone {
  readonly kind: RelayInjection["kind"];
  readonly hop: RelayInjection["hop"];
  readonly connection: number;
  /** The chunk as it arrived. */
  readonly chunkOffsetBytes: number;
  readonly chunkBytes: number;
  /** The bytes that are wrong; for `duplicated` where the second copy is, for `lost` where bytes are missing. */
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  /** Number of the splice-in that moved the chunk. */
  readonly spliceIn: number;
}

export class Injector implements Filter {
  done: InjectionDone | undefined;
  readonly #injection: RelayInjection;
  readonly #connectionOf: (channel: RelayChannel) => number | undefined;
  readonly #journal: Journal;
  readonly #random: Random;
  /** The chunk as far as it is in the pipe; a socket may bring it in several pieces. */
  #chunk: { offsetBytes: number; lengthBytes: number; spliceIn: number } | undefined;
  /** Where the second of two chunks ends, until it was sent. */
  #pair: number | undefined;

  /** `connectionOf` is the connection whose downstream channel this is; undefined for upstream channels. */
  constructor(
    injection: RelayInjection,
    journal: Journal,
    connectionOf: (channel: RelayChannel) => number | undefined,
  ) {
    this.#injection = injection;
    this.#journal = journal;
    this.#connectionOf = connectionOf;
    this.#random = new Random(injection.seed, "inject");
  }

  #isDue(channel: RelayChannel): boolean {
    return this.done === undefined && this.#connectionOf(channel) === this.#injection.connection;
  }

  get #isWhole(): boolean {
    return this.#chunk?.lengthBytes === this.#injection.lengthBytes;
  }

  /** The seed decides where the chunk begins and ends, not how the network cut the stream. */
  askAtMost(channel: RelayChannel): number | undefined {
    const { fromBytes, lengthBytes } = this.#injection;
    if (!this.#isDue(channel) || this.#isWhole) return undefined;
    const at = channel.inOffsetBytes;
    return at < fromBytes ? fromBytes - at : fromBytes + lengthBytes - at;
  }

  /** The chunk stays in the pipe until it is whole, and the first of two until the second is there. */
  holds(channel: RelayChannel): boolean {
    return this.#chunk !== undefined && this.#isDue(channel);
  }

  /** Room is made before the chunk comes; after the second of two chunks nothing may join them unsent. */
  holdsFill(channel: RelayChannel): boolean {
    if (this.#isDue(channel) && this.#chunk === undefined && channel.inOffsetBytes >= this.#injection.fromBytes) {
      const roomy = this.#injection.kind === "two-chunks" ? 0 : channel.pipe.capacityBytes / 2;
      return channel.pipeBytes > roomy;
    }
    if (this.#pair === undefined || this.#connectionOf(channel) !== this.#injection.connection) return false;
    if (channel.outBytes >= this.#pair) this.#pair = undefined;
    return this.#pair !== undefined;
  }

  ended(): void {
    this.#chunk = undefined;
  }

  /** A pipe of one page takes one piece: what is there is the chunk then, and a second one never comes. */
  full(channel: RelayChannel): void {
    const chunk = this.#chunk;
    if (chunk === undefined || !this.#isDue(channel)) return;
    if (this.#injection.kind === "two-chunks") this.#chunk = undefined;
    else this.#damage(channel, chunk);
  }

  filled(channel: RelayChannel, gotBytes: number): void {
    const offsetBytes = channel.inOffsetBytes - gotBytes;
    if (!this.#isDue(channel) || offsetBytes < this.#injection.fromBytes) return;
    if (this.#isWhole && this.#chunk !== undefined) {
      // Two chunks: this was the second.
      this.#damage(channel, this.#chunk);
      this.#pair = channel.inOffsetBytes;
      return;
    }
    const {
      offsetBytes: start,
      lengthBytes,
      spliceIn,
    } = this.#chunk ?? {
      ...{ offsetBytes, lengthBytes: 0, spliceIn: channel.inCount },
    };
    this.#chunk = { offsetBytes: start, lengthBytes: lengthBytes + gotBytes, spliceIn };
    if (this.#isWhole && this.#injection.kind !== "two-chunks") this.#damage(channel, this.#chunk);
  }

  /** Empties the pipe into memory, damages the chunk there, and writes everything back in order. */
  #damage(channel: RelayChannel, chunk: { lengthBytes: number; offsetBytes: number; spliceIn: number }): void {
    const inPipe = channel.pipeBytes;
    using memory = allocate(inPipe + chunk.lengthBytes);
    const got = readFully(channel.pipe.readEnd, memory, { lengthBytes: inPipe });
    assert(got === inPipe, "the pipe gave fewer bytes than were spliced into it");
    const at = inPipe - (channel.inOffsetBytes - chunk.offsetBytes);
    const end = at + chunk.lengthBytes;
    const wrong = this.#apply(memory, { at, end, total: inPipe });
    const total = inPipe + wrong.deltaBytes;
    if (total > 0) writeAll(channel.pipe.writeEnd, memory, { bufferOffsetBytes: 0, lengthBytes: total });
    if (wrong.deltaBytes !== 0) channel.adjust(wrong.deltaBytes);
    const offsetBytes = chunk.offsetBytes + wrong.at - at;
    const nowNs = this.#journal.nowNs();
    this.#journal.record(INJECT, channel.number, nowNs, nowNs, chunk.lengthBytes, wrong.lengthBytes, 0, offsetBytes);
    this.done = {
      kind: this.#injection.kind,
      hop: this.#injection.hop,
      connection: this.#injection.connection,
      chunkOffsetBytes: chunk.offsetBytes,
      chunkBytes: chunk.lengthBytes,
      offsetBytes,
      lengthBytes: wrong.lengthBytes,
      spliceIn: chunk.spliceIn,
    };
    this.#chunk = undefined;
  }

  /** Damages bytes [at, end) of the memory; its first `total` bytes count; what is wrong now and by how much it grew. */
  #apply(memory: Memory, part: { at: number; end: number; total: number }) {
    const { at, end, total } = part;
    const lengthBytes = end - at;
    const { bytes } = memory;
    switch (this.#injection.kind) {
      case "duplicated":
        bytes.copyWithin(end + lengthBytes, end, total);
        bytes.copyWithin(end, at, end);
        return { at: end, lengthBytes, deltaBytes: lengthBytes };
      case "lost":
        bytes.copyWithin(at, end, total);
        return { at, lengthBytes, deltaBytes: -lengthBytes };
      default:
        return { ...damageInPlace(this.#injection.kind, bytes, part, this.#random), deltaBytes: 0 };
    }
  }
}

/** Overwrites bytes [at, end): every one of them for foreign bytes, one bit for "bit-flipped". */
export function damageInPlace(
  kind: RelayInjection["kind"],
  bytes: Uint8Array,
  part: { at: number; end: number },
  random: Random,
): { at: number; lengthBytes: number } {
  if (kind === "zeroed") bytes.fill(0, part.at, part.end);
  else if (kind === "bit-flipped") {
    const byte = part.at + random.below(part.end - part.at);
    bytes[byte] = (bytes[byte] as number) ^ (1 << random.below(8));
    return { at: byte, lengthBytes: 1 };
  } else {
    // Five or more bits of every byte differ, so that foreign bytes never look like flipped bits or like the pattern.
    const masks = [0xf8, 0x7c, 0x3e, 0x9f, 0xcf, 0xe7, 0xf3, 0xb7, 0xdb, 0xed];
    for (let index = part.at; index < part.end; index++) {
      bytes[index] = (bytes[index] as number) ^ random.pick(masks);
    }
  }
  return { at: part.at, lengthBytes: part.end - part.at };
}
