/** The search for the smallest run, with predicates in the place of runs. */
import { expect, test } from "bun:test";
import { type Dimension, type Options, shrink, smaller } from "../../src/evidence/shrink.ts";

const DIMENSIONS: readonly Dimension[] = [
  { name: "fsync", fallback: false, min: undefined },
  { name: "door", fallback: "append", min: undefined },
  { name: "fileMb", fallback: 48, min: 1 },
  { name: "files", fallback: undefined, min: 1 },
];
const never = () => false;

test("neighbours: options left out, numbers at their minimum and halved, an unlimited count at 1", () => {
  expect(smaller({ fsync: true, door: "append", fileMb: 10 }, DIMENSIONS)).toEqual([
    { fsync: false, door: "append", fileMb: 10 },
    { fsync: true, door: "append", fileMb: 1 },
    { fsync: true, door: "append", fileMb: 5 },
    { fsync: true, door: "append", fileMb: 10, files: 1 },
  ]);
  expect(smaller({ fileMb: 1, files: 1 }, DIMENSIONS)).toEqual([]);
});

test("what the finding does not need goes, what it needs stays, and the end is a local minimum", async () => {
  const needs = ({ door, fileMb }: Options) => door === "nowait" && Number(fileMb ?? 48) >= 7;
  const start = { fsync: true, door: "nowait", fileMb: 48 };
  const { options, kept, tried } = await shrink(start, DIMENSIONS, { holds: async (o) => needs(o), enough: never });
  expect(options).toEqual({ fsync: false, door: "nowait", fileMb: 12, files: 1 });
  expect(smaller(options, DIMENSIONS).filter(needs)).toEqual([]);
  expect([kept, tried > kept]).toEqual([4, true]);
});

test("no candidate is tried twice, and no more when the time is over", async () => {
  const seen: string[] = [];
  const holds = async (options: Options) => {
    seen.push(JSON.stringify(options));
    return false;
  };
  await shrink({ fileMb: 48 }, DIMENSIONS, { holds, enough: never });
  expect(new Set(seen).size).toBe(seen.length);
  const count = seen.length;
  const { tried } = await shrink({ fileMb: 48 }, DIMENSIONS, { holds, enough: () => true });
  expect([tried, seen.length]).toEqual([0, count]);
});
