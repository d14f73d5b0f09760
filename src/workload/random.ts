/**
 * Random numbers that a printed seed repeats.
 *
 * Owns the only source of randomness of a run: sfc32 (Chris Doty-Humphrey's Small Fast Counting generator, 128 bits of
 * state), seeded through splitmix32. The same seed and label give the same numbers on every machine.
 */

export const SEED_MAX = 0xffffffff;

/** Random numbers that the run's seed and a label decide. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** `seed` is a whole number up to 2^32 - 1; `label` separates streams that must not disturb each other. */
  constructor(seed: number, label = "") {
    let state = seed >>> 0;
    for (let i = 0; i < label.length; i++) state = Math.imul(state ^ label.charCodeAt(i), 0x01000193) >>> 0;
    const next = () => {
      state = (state + 0x9e3779b9) >>> 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return (z ^ (z >>> 15)) >>> 0;
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    for (let i = 0; i < 12; i++) this.uint32();
  }

  /** 0 to 2^32 - 1. */
  uint32(): number {
    const result = (this.#a + this.#b + this.#counter) >>> 0;
    this.#counter = (this.#counter + 1) >>> 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) >>> 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) >>> 0;
    return result;
  }

  /** 0 to `bound` - 1; `bound` up to 2^53. Bias is below bound / 2^53. */
  below(bound: number): number {
    if (!(bound >= 1)) throw new RangeError(`a random bound must be at least 1, not ${bound}`);
    const fraction = ((this.uint32() >>> 5) * 67108864 + (this.uint32() >>> 6)) / 9007199254740992;
    return Math.floor(fraction * bound);
  }

  /** `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }
}
