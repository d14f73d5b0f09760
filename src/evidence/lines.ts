/**
 * Recorded calls as lines, as strace prints them: names of descriptors, flags by name, contents in a few words.
 *
 * Owns the wording of one call, and the names: of a descriptor its path, or what made it; of
 * mappings map1, map2 and so on. Used by the trace, the
 * timeline of a report and the C program's comments.
 */
import { errnoName } from "../sys/errno.ts";
import type { Content } from "./content.ts";
import { flagsText } from "./flags.ts";
import type { Pointed, VectorPart } from "./pointed.ts";
import type { RecordedCall } from "./recorder.ts";
import { type Parameter, SIGNATURES } from "./signatures.ts";

/** Which descriptor is what at each moment of a recording; calls must be fed in their order. */
export class DescriptorNames {
  readonly #names = new Map<number, string>();
  readonly #mappings: { readonly name: string; readonly address: number; readonly lengthBytes: number }[] = [];
  #pipes = 0;
  #sockets = 0;
  #maps = 0;

  nameOf(descriptor: number): string {
    return this.#names.get(descriptor) ?? String(descriptor);
  }

  /** "map1", "map1+4096"; "&…" for memory that no recorded call mapped. */
  placeOf(address: number): string {
    const mapping = this.#mappings.findLast((one) => one.address <= address && address < one.address + one.lengthBytes);
    if (mapping === undefined) return "&…";
    return address === mapping.address ? mapping.name : `${mapping.name}+${address - mapping.address}`;
  }

  /** The name that a mapping gets from the call that made or moved it. */
  mapNameOf({ call, args }: RecordedCall): string {
    const moved = call === "mremap" ? this.placeOf(args[0] as number) : "&…";
    return moved === "&…" ? `map${this.#maps + 1}` : moved;
  }

  #learnMapping({ call, args, result }: RecordedCall): void {
    const [address = 0, lengthBytes = 0, newBytes = 0] = args;
    const index = call === "mmap" ? -1 : this.#mappings.findLastIndex((one) => one.address === address);
    const whole = this.#mappings[index]?.lengthBytes === lengthBytes;
    if (whole && call === "munmap") this.#mappings.splice(index, 1);
    else if (call === "mremap" && index >= 0)
      this.#mappings[index] = { name: this.#mappings[index]?.name ?? "", address: result, lengthBytes: newBytes };
    else if (call === "mmap") {
      this.#maps += 1;
      this.#mappings.push({ name: `map${this.#maps}`, address: result, lengthBytes });
    }
  }

  /** Learns from a call that was made. */
  learn(recorded: RecordedCall): void {
    const { call, args, result, pointed } = recorded;
    if (result < 0) return;
    if (/^m(un|re)?map$/.test(call)) this.#learnMapping(recorded);
    const path = pointed.find((item) => item?.kind === "path");
    const pair = pointed.find((item) => item?.kind === "pair");
    if (call === "close") this.#names.delete(args[0] as number);
    else if (pair?.kind === "pair") this.#learnPair(call, pair.descriptors);
    else if (path?.kind === "path" && SIGNATURES[call]?.gives === "fd") this.#names.set(result, basename(path.path));
    else if (call === "socket" || call === "accept4") this.#names.set(result, this.#nextSocket());
    else if (call === "dup") this.#names.set(result, this.nameOf(args[0] as number));
  }

  #learnPair(call: string, [first, second]: readonly [number, number]): void {
    if (call === "pipe2") {
      this.#pipes += 1;
      const suffix = this.#pipes === 1 ? "" : String(this.#pipes);
      this.#names.set(first, `pipe${suffix}.read`);
      this.#names.set(second, `pipe${suffix}.write`);
    } else {
      this.#names.set(first, this.#nextSocket());
      this.#names.set(second, this.#nextSocket());
    }
  }

  #nextSocket(): string {
    this.#sockets += 1;
    return `socket${this.#sockets}`;
  }
}

function basename(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1) || path;
}

/** "4,096 x 0x41", "words from 512", "48 65 6c …". */
export function contentText(content: Content): string {
  if (content.lengthBytes === 0) return "nothing";
  if (content.shape === "fill") return `${content.lengthBytes} x 0x${content.byte.toString(16).padStart(2, "0")}`;
  if (content.shape === "words") return `words from ${content.first}`;
  if (content.shape === "other") return `${content.lengthBytes} bytes`;
  const shown = (content.hex.slice(0, 16).match(/../g) ?? []).join(" ");
  return content.lengthBytes > 8 ? `${shown} …` : shown;
}

function argumentText(
  parameter: Parameter,
  value: number,
  { pointed, names }: { pointed: Pointed | undefined; names: DescriptorNames },
): string {
  switch (parameter.kind) {
    case "fd":
      return names.nameOf(value);
    case "flags":
      return flagsText(parameter.family ?? "", value);
    case "pointer":
      return value === 0 ? "NULL" : "&…";
    case "mapped":
      return value === 0 ? "NULL" : names.placeOf(value);
    case "offset*":
      return value === 0 ? "NULL" : (pointedText(pointed) ?? "&…");
    case "offset":
      return String(value);
    default:
      return pointedText(pointed) ?? String(value);
  }
}

/** "{words from 512}", "{32768 bytes that cannot be read}". */
function vectorText({ content, lengthBytes = content.lengthBytes }: VectorPart): string {
  const unreadable = lengthBytes - content.lengthBytes;
  const texts = unreadable > 0 && content.lengthBytes === 0 ? [] : [contentText(content)];
  return `{${[...texts, ...(unreadable > 0 ? [`${unreadable} bytes that cannot be read`] : [])].join(", ")}}`;
}

function pointedText(pointed: Pointed | undefined): string | undefined {
  if (pointed === undefined) return undefined;
  if (pointed.kind === "path") return JSON.stringify(pointed.path);
  if (pointed.kind === "offset*") return `[${pointed.offsetBytes}]`;
  if (pointed.kind === "pair") return `[${pointed.descriptors.join(", ")}]`;
  if (pointed.kind === "bytes") return `{${contentText(pointed.content)}}`;
  return `[${pointed.parts.map(vectorText).join(", ")}]`;
}

/** `pwrite(data.1, {4096 x 0x41}, 4096, 0) = 4096`; `names` must have learnt every call before this one. */
export function callLine(recorded: RecordedCall, names: DescriptorNames): string {
  const { call, args, result, pointed } = recorded;
  const parameters = SIGNATURES[call]?.parameters;
  const shown =
    parameters === undefined
      ? args.map(String)
      : parameters.map((parameter, index) =>
          argumentText(parameter, args[index] ?? 0, { pointed: pointed[index], names }),
        );
  const given = SIGNATURES[call]?.gives === "address" ? names.mapNameOf(recorded) : String(result);
  const answer = result < 0 ? `-1 ${errnoName(-result)}` : given;
  return `${call}(${shown.join(", ")}) = ${answer}`;
}

/**
 * All calls as lines, in the order in which they began; with several threads or requests of a ring, when that was and how
 * long each took. `shiftNs` is added to the times: the recording's zero by another clock's.
 */
export function callLines(calls: readonly RecordedCall[], shiftNs = 0): string[] {
  const names = new DescriptorNames();
  const overlap = calls.some(({ call, thread }) => thread !== undefined || isRequest(call));
  return calls.map((recorded) => {
    const line = callLine(recorded, names);
    names.learn(recorded);
    return overlap ? timed(recorded, line, shiftNs) : line;
  });
}

/** A request of a ring: other calls go on during it. */
export function isRequest(call: string): boolean {
  return call.startsWith("io_uring ");
}

/** `  12.345 ms  thread 2  splice(…) = 0 <1.500 ms>`: began when, by whom, took how long. */
function timed({ startNs, endNs, thread }: RecordedCall, line: string, shiftNs: number): string {
  const ms = (nanoseconds: number) => `${(nanoseconds / 1e6).toFixed(3)} ms`;
  const who = thread === undefined ? "main    " : `thread ${thread}`;
  return `${ms(startNs + shiftNs)}  ${who}  ${line} <${ms(endNs - startNs)}>`;
}
