/**
 * The statements of an emitted C program: one for each recorded call, and what they need of the rest of the program.
 *
 * Owns the simulation of the one buffer that the program has, so that it is filled only where its content changes, and
 * the names of descriptors. Refuses contents and arguments that a reader could not follow.
 */
import { errnoName } from "../../sys/errno.ts";
import { O_CREAT } from "../../sys/uapi/fcntl.ts";
import { type Content, contentHolds, sameContent } from "../content.ts";
import { flagsText } from "../flags.ts";
import { contentText } from "../lines.ts";
import type { Pointed } from "../pointed.ts";
import type { RecordedCall } from "../recorder.ts";
import { type Parameter, SIGNATURES } from "../signatures.ts";
import { handlesOf, NotExpressible } from "./select.ts";

/** Bytes as a C string literal. */
export function literal(hex: string): string {
  return `"${(hex.match(/../g) ?? []).map((byte) => `\\x${byte}`).join("")}"`;
}

export function basename(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The statements of the calls, with the buffer's content simulated, so that it is filled only where it must be. */
export class Body {
  bufferBytes = 0;
  receivedBytes = 0;
  fillsWords = false;
  /** The damaged bytes were received, not read from a file. */
  readonly received: boolean;
  readonly #calls: readonly RecordedCall[];
  readonly #handles: ReadonlyMap<number, readonly string[]>;
  readonly #variables = new Map<string, string>();
  /** The mappings, by the handle of their call. */
  readonly #maps = new Map<string, { readonly name: string; readonly address: number; readonly lengthBytes: number }>();
  readonly #loaded: Content[] = [];
  #content: Content | undefined;

  constructor(calls: readonly RecordedCall[]) {
    this.#calls = calls;
    this.#handles = handlesOf(calls);
    this.received = calls.some(({ call }) => call === "recv");
  }

  steps(): string[] {
    return this.#calls.flatMap((recorded) => this.#step(recorded));
  }

  /** Closes every descriptor; a file goes when the descriptor that made it was opened. */
  cleanUp(): string[] {
    const maps = [...this.#maps.values()].flatMap(({ name, lengthBytes }) => [
      `if (${name} != MAP_FAILED)`,
      `  munmap(${name}, ${lengthBytes}), ${name} = MAP_FAILED;`,
    ]);
    const files = [...this.#variables].flatMap(([handle, name]) => {
      const maker = this.#calls.find(({ index }) => handle === `${index}.0`);
      const path = maker?.call === "open" ? maker.pointed.find((item) => item?.kind === "path") : undefined;
      const made = path?.kind === "path" && ((maker?.args[1] as number) & O_CREAT) !== 0;
      const gone = made ? `unlink(${JSON.stringify(basename(path.path))}), ` : "";
      return [`if (${name} >= 0)`, `  close(${name}), ${gone}${name} = -1;`];
    });
    return [...maps, ...files];
  }

  /** True when some content that the program writes holds these bytes; zeros need no writing. */
  holds(hex: string): boolean {
    return /^0*$/.test(hex) || this.#loaded.some((content) => contentHolds(content, hex));
  }

  headers(): string[] {
    const uses = (pattern: RegExp) => this.#calls.some(({ call }) => pattern.test(call));
    return [
      ...["errno", "fcntl", ...(this.fillsWords ? ["stdint"] : []), "stdio", "stdlib", "string"],
      ...(uses(/^(mem|m(map|advise|protect|sync))/) ? ["sys/mman"] : []),
      ...(uses(/^(s(ocket|end$|etsockopt|hutdown)|bind|listen|accept4|connect|recv)/) ? ["sys/socket"] : []),
      ...(uses(/(readv|writev)/) ? ["sys/uio"] : []),
      ...(uses(/^futimens$/) ? ["sys/stat"] : []),
      "unistd",
    ];
  }

  /** The declarations of descriptors and mappings. */
  variables(): string[] {
    return [
      ...[...this.#variables.values()].map((name) => `static int ${name} = -1;`),
      ...[...this.#maps.values()].map(({ name }) => `static unsigned char *${name} = MAP_FAILED;`),
    ];
  }

  #step(recorded: RecordedCall): string[] {
    const { call, result, pointed, args } = recorded;
    const signature = SIGNATURES[call];
    if (signature === undefined) return [];
    const used = [...(this.#handles.get(recorded.index) ?? [])];
    if (call === "store") return this.#store(recorded, used);
    // What comes out of a call needs no filling before it.
    const lines = pointed.flatMap((item, at) => (signature.parameters[at]?.kind === "out" ? [] : this.#fill(item)));
    const words = signature.parameters.map((parameter, at) =>
      this.#argument(parameter, { value: args[at] ?? 0, pointed: pointed[at], used }),
    );
    const pair = pointed.find((item) => item?.kind === "pair");
    if (pair !== undefined) return [...lines, ...this.#makePair(recorded, words)];
    const text = `${call}(${words.join(", ")})`;
    if (call === "mmap" && result >= 0) return [...lines, ...this.#map(recorded, text)];
    if (signature.gives === "address") throw new NotExpressible(`it moves memory with ${call}`);
    if (signature.gives === "fd" && result >= 0) {
      const name = this.#newVariable(recorded, 0, variableFor(recorded));
      return [...lines, `${name} = made("${call}", ${text});`];
    }
    lines.push(...this.#note(recorded), `if (!answered("${call}", ${text}, ${answerText(result)}))`, "  return 0;");
    return [...lines, ...this.#collect(recorded)];
  }

  #map({ index, args, result: address }: RecordedCall, text: string): string[] {
    const count = this.#maps.size + 1;
    const name = count === 1 ? "map" : `map${count}`;
    this.#maps.set(`${index}.0`, { name, address, lengthBytes: args[1] as number });
    return [`${name} = ${text};`, `if (${name} == MAP_FAILED)`, "  return 0;"];
  }

  /** Stores through a mapping, as a program makes them: no call of the kernel. */
  #store({ args, pointed }: RecordedCall, used: readonly string[]): string[] {
    const bytes = pointed.find((item) => item?.kind === "bytes");
    if (bytes?.kind !== "bytes" || used.length === 0)
      throw new NotExpressible("it stores to memory that nothing mapped");
    this.#loaded.push(bytes.content);
    return [this.#filling(this.#placeOf(args[0] as number, used[0]), bytes.content)];
  }

  /** "map + 2048". */
  #placeOf(value: number, handle: string | undefined): string {
    const map = handle === undefined ? undefined : this.#maps.get(handle);
    if (map === undefined) throw new NotExpressible("it uses memory that no call of it mapped");
    return value === map.address ? map.name : `${map.name} + ${value - map.address}`;
  }

  /** What a call left in the buffer. */
  #note({ pointed, call, result }: RecordedCall): string[] {
    const out = pointed.find((item) => item?.kind === "bytes");
    const reads = SIGNATURES[call]?.parameters.some(({ kind }) => kind === "out") === true;
    if (reads && out?.kind === "bytes" && result > 0) {
      this.#content = out.content;
      this.bufferBytes = Math.max(this.bufferBytes, out.content.lengthBytes);
    }
    return [];
  }

  #collect({ call, result }: RecordedCall): string[] {
    if (call !== "recv" || result <= 0) return [];
    this.receivedBytes += result;
    return [`memcpy(received + received_bytes, buffer, ${result});`, `received_bytes += ${result};`];
  }

  #fill(item: Pointed | undefined): string[] {
    if (item?.kind === "vectors") {
      if (item.parts.length !== 1) throw new NotExpressible("it writes several buffers in one call");
      return this.#fill({ kind: "bytes", content: (item.parts[0] as { content: Content }).content });
    }
    if (item?.kind !== "bytes") return [];
    return this.#load(item.content);
  }

  #load(content: Content): string[] {
    this.bufferBytes = Math.max(this.bufferBytes, content.lengthBytes);
    if (this.#content !== undefined && sameContent(this.#content, content)) return [];
    this.#content = content;
    this.#loaded.push(content);
    return [this.#filling("buffer", content)];
  }

  #filling(place: string, content: Content): string {
    switch (content.shape) {
      case "fill":
        return `memset(${place}, 0x${content.byte.toString(16)}, ${content.lengthBytes});`;
      case "words":
        this.fillsWords = true;
        return `count_up(${place}, ${content.first}u, ${content.lengthBytes});`;
      case "bytes":
        return `memcpy(${place}, ${literal(content.hex)}, ${content.lengthBytes});`;
      default:
        throw new NotExpressible(`it writes ${contentText(content)} that follow no simple rule`);
    }
  }

  #argument(
    { kind, family }: Parameter,
    { value, pointed, used }: { value: number; pointed: Pointed | undefined; used: string[] },
  ): string {
    switch (kind) {
      case "fd": {
        const handle = used.shift();
        return handle === undefined ? String(value) : (this.#variables.get(handle) ?? String(value));
      }
      case "path":
        return pointed?.kind === "path" ? JSON.stringify(basename(pointed.path)) : "NULL";
      case "in":
      case "out":
        return "(void *)buffer";
      case "vectors":
        return `&(struct iovec){ buffer, ${pointed?.kind === "vectors" ? pointed.parts[0]?.content.lengthBytes : 0} }`;
      case "offset*":
        return pointed?.kind === "offset*" ? `&(off_t){ ${pointed.offsetBytes} }` : "NULL";
      case "flags":
        return flagsInC(family ?? "", value);
      case "mapped":
        return value === 0 ? "NULL" : this.#placeOf(value, used.shift());
      case "pointer":
        if (value !== 0) throw new NotExpressible("it passes a structure that the recording does not follow");
        return "NULL";
      default:
        return String(value);
    }
  }

  #makePair(recorded: RecordedCall, words: readonly string[]): string[] {
    const base = recorded.call === "pipe2" ? ["pipe_read", "pipe_write"] : ["near", "far"];
    const both = `both${recorded.index}`;
    const text = `${recorded.call}(${words.slice(0, -1).concat(both).join(", ")})`;
    const shown = recorded.call === "pipe2" ? `pipe2(${both}, ${words[1]})` : text;
    const names = base.map((name, at) => this.#newVariable(recorded, at, name));
    return [
      `int ${both}[2];`,
      `if (!answered("${recorded.call}", ${shown}, 0))`,
      "  return 0;",
      ...names.map((name, at) => `${name} = ${both}[${at}];`),
    ];
  }

  #newVariable({ index }: RecordedCall, at: number, wanted: string): string {
    let name = wanted;
    for (let count = 2; [...this.#variables.values()].includes(name); count++) name = `${wanted}${count}`;
    this.#variables.set(`${index}.${at}`, name);
    return name;
  }
}

function answerText(result: number): string {
  return result < 0 ? `-${errnoName(-result)}` : String(result);
}

/** Flags by name; a program that ends with its calls needs no CLOEXEC. */
function flagsInC(family: string, value: number): string {
  const text = flagsText(family, value);
  if (family === "octal" || family === "") return text;
  const names = text.split("|").filter((name) => !name.endsWith("_CLOEXEC"));
  return names.length === 0 ? "0" : names.join(" | ");
}

function variableFor({ call, pointed }: RecordedCall): string {
  const path = pointed.find((item) => item?.kind === "path");
  if (path?.kind !== "path") return call === "accept4" ? "accepted" : call === "socket" ? "sock" : "fd";
  const word = basename(path.path)
    .replace(/[^A-Za-z]+/g, "_")
    .replace(/^_+|_+$/g, "")
    .toLowerCase();
  return word === "" || word.length > 24 ? "file" : `${word}_fd`;
}
