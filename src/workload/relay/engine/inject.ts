/**
 * Damage on purpose, inside the relay: one chunk of one connection, chosen by the seed.
 *
 * Owns taking a chunk out of the pipe, damaging it and putting it back in order. Bytes pass through user memory only
 * in that one moment; before and after it the data path is untouched. What was done is told (`done`), so that a test
 * and a report can compare it with what the judge found.
 */
import { monotonicNs } from "../../../ops/clock.ts";
import { assert } from "../../../ops/errors.ts";
import { readFully, writeAll } from "../../../ops/file.ts";
import { allocate, type Memory } from "../../../ops/memory.ts";
import { Random } from "../../random.ts";
import { INJECT, type Journal } from "../evidence/journal.ts";
import type { Injection } from "../options.ts";
import type { Channel, Filter } from "./channel.ts";

/** A chunk under injection is at most this long, so that its double still fits into the pipe. */
const CHUNK_BYTES_MAX = 65_536;

/** What was damaged, in the stream that leaves the relay. */
export interface InjectionDone {
  readonly kind: Injection["kind"];
  readonly hop: Injection["hop"];
  readonly connection: number;
  /** The chunk as it arrived. */
  readonly chunkOffsetBytes: number;
  readonly chunkBytes: number;
  /** The bytes that are wrong; for `duplicated` where the second copy stands, for `lost` where bytes are missing. */
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  /** Number of the splice-in that brought the chunk. */
  readonly spliceIn: number;
}

export class Injector implements Filter {
  done: InjectionDone | undefined;
  readonly #injection: Injection;
  readonly #connectionOf: (channel: Channel) => number | undefined;
  readonly #journal: Journal;
  readonly #random: Random;
  /** The first chunk of a two-chunks injection, waiting in the pipe for the second. */
  #first: { lengthBytes: number; offsetBytes: number; spliceIn: number } | undefined;

  /** Where the second of two chunks ends, until it was sent. */
  #pair: number | undefined;

  /** `connectionOf` is the connection whose downstream channel this is; undefined for upstream channels. */
  constructor(injection: Injection, journal: Journal, connectionOf: (channel: Channel) => number | undefined) {
    this.#injection = injection;
    this.#journal = journal;
    this.#connectionOf = connectionOf;
    this.#random = new Random(injection.seed, "inject");
  }

  #isDue(channel: Channel): boolean {
    return this.done === undefined && this.#connectionOf(channel) === this.#injection.connection;
  }

  askAtMost(channel: Channel): number | undefined {
    if (!this.#isDue(channel) || channel.inOffsetBytes < this.#injection.fromBytes) return undefined;
    return Math.min(CHUNK_BYTES_MAX, channel.pipe.capacityBytes >> 2);
  }

  holds(channel: Channel): boolean {
    return this.#first !== undefined && this.#isDue(channel);
  }

  /** Room is made before the damaged chunk comes; after the second of two chunks nothing may join them unsent. */
  holdsFill(channel: Channel): boolean {
    if (this.#isDue(channel) && this.#first === undefined && channel.inOffsetBytes >= this.#injection.fromBytes) {
      const roomy = this.#injection.kind === "two-chunks" ? 0 : channel.pipe.capacityBytes / 2;
      return channel.pipeBytes > roomy;
    }
    if (this.#pair === undefined || this.#connectionOf(channel) !== this.#injection.connection) return false;
    if (channel.outBytes >= this.#pair) this.#pair = undefined;
    return this.#pair !== undefined;
  }

  ended(): void {
    this.#first = undefined;
  }

  filled(channel: Channel, gotBytes: number): void {
    const offsetBytes = channel.inOffsetBytes - gotBytes;
    if (!this.#isDue(channel) || offsetBytes < this.#injection.fromBytes) return;
    if (gotBytes > CHUNK_BYTES_MAX || channel.pipeBytes + gotBytes > channel.pipe.capacityBytes) return;
    const chunk = { lengthBytes: gotBytes, offsetBytes, spliceIn: channel.inCount };
    if (this.#injection.kind === "two-chunks") {
      if (this.#first === undefined && channel.pipeBytes === gotBytes) this.#first = chunk;
      else if (this.#first !== undefined) {
        this.#damage(channel, this.#first);
        this.#pair = channel.inOffsetBytes;
      }
      return;
    }
    // Anything shorter than two words could be damaged back into itself.
    if (gotBytes >= 16) this.#damage(channel, chunk);
  }

  /** Empties the pipe into memory, damages the chunk there, and writes everything back in order. */
  #damage(channel: Channel, chunk: { lengthBytes: number; offsetBytes: number; spliceIn: number }): void {
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
    this.#journal.record(INJECT, channel.number, monotonicNs(), chunk.lengthBytes, wrong.lengthBytes, 0, offsetBytes);
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
    this.#first = undefined;
  }

  /** Damages bytes [at, end) of the memory, of which `total` count; what is wrong now and by how much it grew. */
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
  kind: Injection["kind"],
  bytes: Uint8Array,
  part: { at: number; end: number },
  random: Random,
): { at: number; lengthBytes: number } {
  const lengthBytes = part.end - part.at;
  if (kind === "zeroed") bytes.fill(0, part.at, part.end);
  else if (kind === "bit-flipped") {
    const byte = part.at + random.below(lengthBytes);
    bytes[byte] = (bytes[byte] as number) ^ (1 << random.below(8));
    return { at: byte, lengthBytes: 1 };
  } else {
    // Five or more bits of every byte differ, so that foreign bytes never look like flipped bits or like the pattern.
    const masks = [0xf8, 0x7c, 0x3e, 0x9f, 0xcf, 0xe7, 0xf3, 0xb7, 0xdb, 0xed];
    for (let index = part.at; index < part.end; index++) {
      bytes[index] = (bytes[index] as number) ^ random.pick(masks);
    }
  }
  return { at: part.at, lengthBytes };
}
