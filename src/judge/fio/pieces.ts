/**
 * Pieces of a block of fio that are wrong: where in the file they belong, and the facts that are written down of them.
 *
 * Owns looking up the write that a piece of payload is of. Refuses to find the pieces: damage.ts and headless.ts do.
 */
import { constantOf, type Damage } from "./damage.ts";
import type { FioLayout } from "./layout.ts";
import type { Fact } from "./notes.ts";
import { seedOfShifted } from "./payload.ts";

/** The block that a piece is in. `headBytes`: it has a header of that length in which bits are wrong. */
interface BlockOf {
  readonly at: number;
  readonly layout: FioLayout;
  readonly headBytes?: number;
}

/** Up to where a block holds what its header describes, when what follows is what belongs here: no other write's. */
export function endOfOther(
  damage: readonly Damage[],
  { at, length, layout }: BlockOf & { readonly length: number },
): number | undefined {
  const [piece, ...more] = damage;
  if (piece === undefined) return length;
  if (more.length > 0 || piece.to !== length || piece.seed === undefined) return undefined;
  const origin = originOf(piece, layout);
  return origin === undefined || origin === at + piece.from ? piece.from : undefined;
}

/** Where in the file the piece of payload belongs, when a block in its place shows that write. */
function originOf({ seed, from }: Damage, layout: FioLayout): number | undefined {
  const { order, blocksOfWrite, blocksOfWriteMax, blockBytes, baseBytes } = layout;
  if (seed === undefined || blocksOfWriteMax !== blocksOfWrite) return undefined;
  for (let number = 0; number < blocksOfWrite; number += 1) {
    const place = order.placeOf(seedOfShifted(seed, -number * blockBytes));
    if (place === undefined) continue;
    const inWrite = Math.floor((place + baseBytes) / blockBytes) % blocksOfWrite;
    return place + (number - inWrite) * blockBytes + from;
  }
  return undefined;
}

/** A block without a usable header: sector by sector, what is zero, one value, or cannot be known without it. */
export function bySectors(block: Uint8Array, { payload }: FioLayout): Damage[] {
  const pieces: Damage[] = [];
  for (let from = 0; from < block.length; from += 512) {
    const to = Math.min(block.length, from + 512);
    pieces.push(constantOf(block, from, to) ?? { kind: "foreign", from, to, headless: payload !== "constant" });
  }
  return pieces;
}

export function factOf(piece: Damage, { at, layout, headBytes = 0 }: BlockOf): Fact {
  const range = { from: at + piece.from, to: at + piece.to };
  const fio = { what: "piece", blockAtBytes: at } as const;
  const inHeader = piece.to <= headBytes && { inHeader: true as const };
  switch (piece.kind) {
    case "zeroed":
      return { ...range, kind: "zeroed", fio };
    case "filled":
      return { ...range, kind: "filled", value: piece.value, fio };
    case "bit-flipped": {
      const bits = (piece.bits ?? []).map((bit) => ({ ...bit, offsetBytes: bit.offsetBytes + at }));
      return { ...range, kind: "bit-flipped", bits, wordBytes: piece.wordBytes, fio: { ...fio, ...inHeader } };
    }
    case "byte-swapped":
      return { ...range, kind: "byte-swapped", wordBytes: piece.wordBytes, fio };
    case "stale":
      return otherWrite(piece, range, { at, layout });
    default:
      return {
        ...{ ...range, kind: "foreign" },
        fio: {
          ...fio,
          ...(piece.headless && { headless: true as const }),
          ...(piece.bySum && { bySum: true as const }),
          ...(piece.inHeader && { inHeader: true as const }),
        },
      };
  }
}

function otherWrite(piece: Damage, range: { from: number; to: number }, { at, layout }: BlockOf): Fact {
  const originBytes = originOf(piece, layout);
  if (originBytes !== undefined && originBytes !== range.from) {
    const fio = { what: "part of a block", blockAtBytes: at } as const;
    return { ...range, kind: "misplaced", originBytes, fio };
  }
  const fio = { what: "part of a write", blockAtBytes: at } as const;
  return { ...range, kind: "stale", label: "an older write of fio", fio };
}
