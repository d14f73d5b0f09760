/**
 * Loaded into every Worker that starts while a recorder is at work: records that thread's calls into shared memory.
 *
 * Owns the tap of its thread. Looks at no contents, which a thread that races has no time for. The first message of the
 * thread is the recorder's and is kept from the Worker's own code.
 */
import { tapCalls } from "../sys/tap.ts";
import { OwnMemory, type Pointed, pointedAfter, pointedBefore } from "./pointed.ts";
import { SIGNATURES } from "./signatures.ts";
import { type LogEntry, ThreadLog } from "./thread-log.ts";

declare const self: Worker;

const memory = new OwnMemory({ contents: false });
const early: LogEntry[] = [];
let log: ThreadLog | undefined;

tapCalls({
  before: (call, args) => pointedBefore(memory, call, args),
  after: (call, args, { result, startNs, endNs, before }) => {
    if (SIGNATURES[call] === undefined) return;
    const pointed = pointedAfter(memory, call, args, result, before as (Pointed | undefined)[]);
    const entry = { call, args: [...args], result, startNs, endNs, originMs: performance.timeOrigin, pointed };
    if (log === undefined) early.push(entry);
    else log.write(entry);
  },
});

self.addEventListener("message", (event: MessageEvent<{ record?: SharedArrayBuffer }>) => {
  if (log !== undefined || !(event.data?.record instanceof SharedArrayBuffer)) return;
  event.stopImmediatePropagation();
  log = new ThreadLog(event.data.record);
  for (const entry of early.splice(0)) log.write(entry);
});
