/**
 * More room under the limit, after reclaim failed for somebody under it.
 *
 * Owns reading memory.events for that. A limit that leaves somebody without memory is too tight here: without root it
 * kills.
 */
import type { MemoryGroup } from "../../ops/cgroup.ts";

/** Reading memory.events costs some 50 us: not after every small append. */
const EVENTS_EVERY = 4;

export class PageSlack {
  /** Added to every headroom. */
  bytes = 0;
  readonly #group: MemoryGroup;
  #oomSeen = 0;

  constructor(group: MemoryGroup) {
    this.#group = group;
  }

  /** After an append, the `count`th: true when the room grew. */
  note(count: number, requestedBytes: number): boolean {
    if (count % EVENTS_EVERY !== 0) return false;
    const oom = this.#group.events().oom ?? 0;
    const more = oom > this.#oomSeen;
    if (more) this.bytes = Math.min(requestedBytes, this.bytes + Math.ceil(requestedBytes / 4096 / 16) * 4096);
    this.#oomSeen = oom;
    return more;
  }
}
