/** Turns: who runs when, and that a limited contender is compared in the rounds it took part in. */
import { expect, test } from "bun:test";
import { type Contender, interleave, type Measured, orderOf } from "../../src/bench/interleave.ts";
import { compare } from "../../src/bench/noise.ts";

test("everyone runs once a round, in changing order, and a limited one only in the first rounds", async () => {
  const ran: string[] = [];
  const contender = (name: string, more: Partial<Contender> = {}): Contender => ({
    name,
    run: (round) => {
      ran.push(`${round}${name}`);
      return { rate: round + 1 };
    },
    ...more,
  });
  const [fast, slow] = await interleave([contender("a"), contender("b", { roundsMax: 2 })], 4);
  expect(ran).toEqual(["0a", "0b", "1b", "1a", "2a", "3a"]);
  expect([fast?.figures.rate, slow?.figures.rate]).toEqual([
    [1, 2, 3, 4],
    [1, 2],
  ]);
  for (const round of [0, 1, 2, 3]) expect([...orderOf(round, 3)].sort()).toEqual([0, 1, 2]);
});

test("figures of rounds in which only one took part say nothing about both", () => {
  const side = (name: string, rate: number[]): Measured => ({ name, figures: { rate } });
  const ours = side("ours", [2, 2, 2, 2, 2, 100, 100, 100]);
  expect(compare(ours, side("slow", [1, 1, 1, 1, 1]), "rate")).toEqual({ ratio: 2, low: 2, high: 2 });
});
