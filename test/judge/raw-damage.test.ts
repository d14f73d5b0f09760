/** Damage cut into pieces in one pass that looks at few bytes, against the rule spelled out byte by byte. */
import { expect, test } from "bun:test";
import { type RawPiece, RawSplitter } from "../../src/judge/stream/raw-damage.ts";
import { Dice } from "./cases.ts";

/** Runs of equal bytes, many of them as long as a sector or nearly so. */
function damage(dice: Dice): Uint8Array {
  const runs = Array.from({ length: 1 + dice.below(12) }, () => {
    const length = dice.pick([1, 1 + dice.below(5), 60 + dice.below(10), 510 + dice.below(5), dice.below(1500)]);
    return new Uint8Array(length).fill(dice.pick([0, 0, 0xff, dice.below(256)]));
  });
  const noise = Uint8Array.from({ length: dice.below(700) }, () => dice.below(256));
  runs.splice(dice.below(runs.length + 1), 0, noise);
  return new Uint8Array(Buffer.concat(runs));
}

/** The same rule by looking at every run: those of 512 bytes are pieces, the last one also as it ends. */
function spelledOut(bytes: Uint8Array): Omit<RawPiece, "head">[] {
  const pieces: Omit<RawPiece, "head">[] = [];
  let pieceFrom = 0;
  const add = (to: number, value: number) => {
    if (to === pieceFrom) return;
    pieces.push({ kind: value < 0 ? "foreign" : value === 0 ? "zeroed" : "filled", from: pieceFrom, to, value });
    pieceFrom = to;
  };
  for (let from = 0; from < bytes.length; ) {
    const value = bytes[from] as number;
    let to = from;
    while (to < bytes.length && bytes[to] === value) to += 1;
    const isAll = to === bytes.length && from === pieceFrom && (value === 0 || to - from >= 4);
    if (to - from >= 512 || isAll) {
      add(from, -1);
      add(to, value);
    }
    from = to;
  }
  add(bytes.length, -1);
  return pieces;
}

test("pieces do not depend on how damage is fed", () => {
  for (let seed = 0; seed < 3000; seed += 1) {
    const dice = new Dice(seed);
    const bytes = damage(dice);
    if (bytes.length === 0) continue;
    const splitter = new RawSplitter(0);
    const most = dice.pick([1, 40, 600, 5000]);
    for (let at = 0; at < bytes.length; ) {
      const to = Math.min(bytes.length, at + 1 + dice.below(most));
      splitter.feed(bytes, at, to);
      at = to;
    }
    const pieces = splitter.finish();
    expect({ seed, pieces: pieces.map(({ head, ...piece }) => piece) }).toEqual({ seed, pieces: spelledOut(bytes) });
    for (const { kind, from, to, head } of pieces)
      if (kind === "foreign") expect([...head]).toEqual([...bytes.slice(from, Math.min(to, from + 64))]);
  }
}, 60_000);
