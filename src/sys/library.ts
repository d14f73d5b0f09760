/**
 * Opening shared libraries by name, without throwing.
 *
 * Owns the one call of `dlopen` and the argument types that cross it correctly on Bun 1.4:
 * - `i32` and `u32` for C ints, `ptr` for pointers AND for 64-bit lengths and offsets. A number passed as `ptr` becomes
 *   a 64-bit register, exact to 2^53, and -1 becomes all ones; `i64`/`u64` arguments cost four times as much.
 * - `i64_fast` for results that can pass 2^31; transfer counts (at most 0x7ffff000, see read(2)) are `i32`.
 * Refuses `null`: pass 0 for NULL.
 */
import { dlopen, type FFIFunction } from "bun:ffi";

/** A raw function: numbers in, a number out. Negative results keep the C convention of the callee. */
export type RawFunction = (...args: number[]) => number;

export type Signature = readonly [args: readonly ArgumentType[], returns: ReturnType];
type ArgumentType = "i32" | "u32" | "ptr";
type ReturnType = "i32" | "u32" | "i64_fast" | "void";

export type RawSymbols<Table extends Readonly<Record<string, Signature>>> = {
  readonly [Name in keyof Table]: RawFunction;
};

export type Loaded<Table extends Readonly<Record<string, Signature>>> =
  | { readonly name: string; readonly symbols: RawSymbols<Table> }
  | { readonly name: undefined; readonly reason: string };

/** Opens the first of `names` that exists and has every symbol; `reason` lists the error of each attempt. */
export function openLibrary<const Table extends Readonly<Record<string, Signature>>>(
  names: readonly string[],
  table: Table,
): Loaded<Table> {
  const declarations: Record<string, FFIFunction> = {};
  for (const [symbol, [args, returns]] of Object.entries(table)) {
    // bun-types lacks "i64_fast" among its strings; the runtime has it.
    declarations[symbol] = { args: [...args], returns } as FFIFunction;
  }
  const reasons: string[] = [];
  for (const name of names) {
    try {
      const symbols = dlopen(name, declarations).symbols as unknown as RawSymbols<Table>;
      return { name, symbols };
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error));
    }
  }
  return { name: undefined, reason: reasons.join("; ") };
}

/**
 * The functions of `table`, each bound by `bind` when it is first looked at: a hundred symbols cost 4 ms at every start,
 * and a command needs a few. A getter of the prototype gives way to a property of the object, which calls find as fast
 * as one that was always there. Assigning replaces a function (see tap.ts).
 */
export function boundAtFirstUse<const Table extends Readonly<Record<string, Signature>>>(
  table: Table,
  bind: (symbol: keyof Table & string) => RawFunction,
): RawSymbols<Table> {
  const prototype = {};
  const symbols = Object.create(prototype);
  const own = (symbol: string, value: RawFunction) =>
    Object.defineProperty(symbols, symbol, { value, writable: true, enumerable: true, configurable: true });
  for (const symbol of Object.keys(table)) {
    const get = () => {
      const bound = bind(symbol);
      own(symbol, bound);
      return bound;
    };
    Object.defineProperty(prototype, symbol, { get, set: (value) => own(symbol, value) });
  }
  return symbols;
}
