/**
 * Binding of the judge's hot loops (c/runtime/loops.c), compiled in memory by bun:ffi's cc() on first use.
 *
 * Owns compiling and re-binding; refuses to judge: it compares and fills words and knows no pattern. When cc() cannot
 * compile (`--no-ffi-cc`, an unknown processor, a read-only world), `nativeLoops` answers undefined and the callers use
 * their TypeScript loops. cc() symbols mangle numbers that are stored as doubles (oven-sh/bun#37978), so the functions
 * are re-bound through linkSymbols and cc's own wrappers are never called with arguments.
 */
import { cc, linkSymbols, read } from "bun:ffi";

/** Words are u64 little-endian: word i is start + i * step, modulo 2^64; halves are unsigned 32-bit numbers. */
export interface NativeLoops {
  /** Index of the first word that differs, or -1. */
  mismatch(
    bytes: Uint8Array,
    atIndex: number,
    words: number,
    startLo: number,
    startHi: number,
    stepLo: number,
    stepHi: number,
  ): number;
  fill(
    bytes: Uint8Array,
    atIndex: number,
    words: number,
    startLo: number,
    startHi: number,
    stepLo: number,
    stepHi: number,
  ): number;
  /** First index in [from, to) whose u64 is followed, 8 bytes on, by itself plus step; -1 if none. Reads 16 bytes there. */
  successor(bytes: Uint8Array, atIndex: number, from: number, to: number, stepLo: number, stepHi: number): number;
  /** Writes outputs of SplitMix64, the first one that of the given state. */
  splitmix(bytes: Uint8Array, atIndex: number, words: number, stateLo: number, stateHi: number): number;
  /** First index in [from, to) whose word and the one 8 bytes on are successive outputs; -1 if none. Reads 16 bytes there. */
  splitmixSuccessor(bytes: Uint8Array, atIndex: number, from: number, to: number): number;
  /** Every fourth word from the index on is the one before it times the factor, modulo 2^64. */
  geometric(
    bytes: Uint8Array,
    atIndex: number,
    words: number,
    startLo: number,
    startHi: number,
    factorLo: number,
    factorHi: number,
  ): number;
  /** CRC-32C of `count` bytes from the index on, going on from `crc`; neither the first nor the last value is inverted. */
  crc32c(bytes: Uint8Array, atIndex: number, count: number, crc: number): number;
}

const WORD_ARGUMENTS = ["ptr", "ptr", "ptr", "u32", "u32", "u32", "u32"] as const;

const SOURCES = ["loops.c", "search.c", "foreign.c"];

/** Loaded when something is compiled. */
const compiling = () => require("./compiler.ts") as typeof import("./compiler.ts");

/** Where the compiled functions are listed. */
let tableAt: number | undefined;

/** x86-64 has SSE2 always; elsewhere the plain C loop is compiled. */
function compile(): number {
  const defined: Record<string, string> = process.arch === "x64" ? { BW_X86_64: "1" } : {};
  const compiled = compiling().withoutHeaders(() =>
    cc({
      // cc() takes several sources (TinyCC compiles them into one program); its types name one only.
      source: SOURCES.map((name) => `${import.meta.dir}/../../c/runtime/${name}`) as unknown as string,
      flags: ["-nostdlib"],
      define: defined,
      symbols: { bw_table: { args: [], returns: "ptr" } },
    }),
  );
  const table = compiled.symbols.bw_table();
  if (typeof table !== "number") throw new Error("c/runtime/loops.c gave no table of functions");
  return table;
}

function bound(table: number): NativeLoops {
  const { symbols } = linkSymbols({
    mismatch: { args: WORD_ARGUMENTS, returns: "i32", ptr: read.ptr(table, 0) as never },
    fill: { args: WORD_ARGUMENTS, returns: "i32", ptr: read.ptr(table, 8) as never },
    successor: {
      args: ["ptr", "ptr", "u32", "u32", "u32", "u32"],
      returns: "i32",
      ptr: read.ptr(table, 16) as never,
    },
    splitmix: {
      args: ["ptr", "ptr", "ptr", "u32", "u32"],
      returns: "i32",
      ptr: read.ptr(table, 24) as never,
    },
    geometric: { args: WORD_ARGUMENTS, returns: "i32", ptr: read.ptr(table, 40) as never },
    crc32c: { args: ["ptr", "ptr", "ptr", "u32"], returns: "u32", ptr: read.ptr(table, 48) as never },
    splitmixSuccessor: { args: ["ptr", "ptr", "u32", "u32"], returns: "i32", ptr: read.ptr(table, 32) as never },
  });
  return symbols as unknown as NativeLoops;
}

/**
 * Small typed arrays (up to 1000 bytes) live inside the garbage-collected heap and may move; the loops take only larger
 * buffers or views of them. Callers use their own loops below this size.
 */
export const NATIVE_BYTES_MIN = 1024;

let native: NativeLoops | undefined;
let tried = false;
let refused = process.env.BYTEWITNESS_LOOPS === "typescript";
let why: string | undefined;

/**
 * Compiled loops that overlook a wrong word would call everything clean: they are used only after they found one flipped
 * bit in each of many words. What is wrong with them, undefined when nothing is.
 */
export function blindness({ fill, mismatch }: Pick<NativeLoops, "fill" | "mismatch">): string | undefined {
  const words = 259;
  const bytes = new Uint8Array(new ArrayBuffer(words * 8));
  fill(bytes, 0, words, 0xffffff00, 7, 1, 0);
  const high = new Uint32Array(bytes.buffer);
  // Word 256 is the first behind the carry.
  if (high[0] !== 0xffffff00 || high[1] !== 7 || high[512] !== 0 || high[513] !== 8) return "they filled wrong words";
  const first = () => mismatch(bytes, 0, words, 0xffffff00, 7, 1, 0);
  if (first() !== -1) return "they called right words wrong";
  for (let word = 0; word < words; word += 1) {
    const at = word * 8 + (word % 8);
    const bit = 1 << (word % 7);
    bytes[at] = (bytes[at] as number) ^ bit;
    const found = first();
    bytes[at] = (bytes[at] as number) ^ bit;
    if (found !== word) return `they overlooked a flipped bit in word ${word}`;
  }
  return undefined;
}

/**
 * Compiling takes as long as TypeScript takes for so many bytes: who has less to do is done before the loops are there.
 * Searches are work that damage makes, many times the bytes that they look at, and do not wait.
 */
const COMPILE_AFTER_BYTES = 16 * 1024 * 1024;
let untilCompiled = COMPILE_AFTER_BYTES;

/** The compiled loops for this many bytes, once they are worth their compiling; see `nativeLoops`. */
export function nativeLoopsFor(bytes: number): NativeLoops | undefined {
  untilCompiled -= bytes;
  return native === undefined && untilCompiled > 0 ? undefined : nativeLoops();
}

/** The compiled loops, or undefined when they are unavailable (see `nativeLoopsError`) or were switched off. */
export function nativeLoops(): NativeLoops | undefined {
  if (refused) return undefined;
  if (!tried) {
    tried = true;
    try {
      const table = compile();
      useLoopsAt(table);
    } catch (error) {
      why = error instanceof Error ? error.message : String(error);
    }
  }
  return native;
}

/** Takes the loops that this process has compiled already, as `compiledLoops` of another thread gave them. */
export function useLoopsAt(table: number): void {
  tried = true;
  const loops = bound(table);
  why = blindness(loops);
  if (why !== undefined) return;
  native = loops;
  tableAt = table;
}

/** For a thread to come: where the compiled loops are, if there are any yet. */
export function compiledLoops(): number | undefined {
  return refused ? undefined : tableAt;
}

/** Why there are no compiled loops; undefined while there are. */
export function nativeLoopsError(): string | undefined {
  nativeLoops();
  return refused ? "switched off" : why;
}

/** Tests and the benchmark compare both kinds; `false` makes every caller take its TypeScript loop. */
export function useNativeLoops(use: boolean): void {
  refused = !use;
  untilCompiled = use ? 0 : COMPILE_AFTER_BYTES;
}
