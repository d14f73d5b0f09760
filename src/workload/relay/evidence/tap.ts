/**
 * The tap: a second look at the bytes while they lie in the pipe, by tee(2).
 *
 * Owns one second pipe and one judge per connection. tee(2) duplicates from the head of a pipe without consuming, so
 * what was looked at before is skipped. A stream that is right here and wrong at the sink was damaged after the pipe;
 * one that is wrong here arrived so.
 */

import type { Judgement } from "../../../judge/finding.ts";
import { assert, checkedNegative } from "../../../ops/errors.ts";
import type { Fd } from "../../../ops/fd.ts";
import { openFile, read } from "../../../ops/file.ts";
import { allocate, type Memory, MiB } from "../../../ops/memory.ts";
import { openPipe, type Pipe } from "../../../ops/pipe.ts";
import { hintFor, splice, tryTee } from "../../../ops/splice.ts";
import { O_WRONLY } from "../../../sys/uapi/fcntl.ts";
import type { Filter, RelayChannel } from "../engine/channel.ts";
import type { Feed } from "../options.ts";
import type { JudgeMaker, StreamJudge } from "./judge.ts";
import { patternOf } from "./judge.ts";

const READ_BYTES = 1 * MiB;

export class Tap implements Filter, Disposable {
  readonly #pipe: Pipe;
  readonly #memory: Memory;
  readonly #nowhere: Fd;
  readonly #judges = new Map<number, StreamJudge>();
  readonly #feed: Feed;
  readonly #makeJudge: JudgeMaker;
  readonly #connectionOf: (channel: RelayChannel) => number | undefined;

  constructor(options: {
    pipeBytes: number;
    feed: Feed;
    makeJudge: JudgeMaker;
    connectionOf: (channel: RelayChannel) => number | undefined;
  }) {
    this.#pipe = openPipe({ capacityBytes: options.pipeBytes, label: "tap" });
    this.#memory = allocate(READ_BYTES);
    this.#nowhere = openFile("/dev/null", { flags: O_WRONLY });
    this.#feed = options.feed;
    this.#makeJudge = options.makeJudge;
    this.#connectionOf = options.connectionOf;
  }

  askAtMost(): number | undefined {
    return this.#pipe.capacityBytes;
  }

  holds(): boolean {
    return false;
  }

  holdsFill(): boolean {
    return false;
  }

  ended(): void {}

  filled(channel: RelayChannel, gotBytes: number): void {
    const connection = this.#connectionOf(channel);
    if (connection === undefined) return;
    const inPipe = channel.pipeBytes;
    const teed = tryTee(channel.pipe.readEnd, this.#pipe.writeEnd, { lengthBytes: inPipe, flags: 0 });
    checkedNegative(teed, "tee", "pipe -> tap", hintFor(teed));
    assert(teed === inPipe, `tee duplicated ${teed} of the ${inPipe} bytes in the pipe`);
    for (let skip = inPipe - gotBytes; skip > 0; ) {
      skip -= splice(this.#pipe.readEnd, this.#nowhere, { lengthBytes: skip, flags: 0 });
    }
    const judge = this.#judgeOf(connection);
    for (let left = gotBytes; left > 0; ) {
      const got = read(this.#pipe.readEnd, this.#memory, { lengthBytes: Math.min(left, READ_BYTES) });
      judge.push(this.#memory.bytes.subarray(0, got));
      left -= got;
    }
  }

  #judgeOf(connection: number): StreamJudge {
    let judge = this.#judges.get(connection);
    if (judge === undefined) {
      judge = this.#makeJudge(patternOf(this.#feed, connection));
      this.#judges.set(connection, judge);
    }
    return judge;
  }

  /** The judgement of each connection's bytes as they lay in the pipe. */
  finish(): { connection: number; judgement: Judgement }[] {
    return [...this.#judges].map(([connection, judge]) => ({ connection, judgement: judge.finish() }));
  }

  [Symbol.dispose](): void {
    this.#pipe[Symbol.dispose]();
    this.#nowhere.close();
  }
}
