/**
 * soak: as many random cases as you like for the judge; prints the first problem with its seed and exits 1.
 *
 *   bun test/judge/soak.ts --cases 100000 --seed 0
 *
 * A third of the cases have a known answer, a third are wild and checked by a second opinion, a third are independent
 * edits that must not become more findings than they are. A failing known-answer case is
 * shrunk by leaving out edits.
 */
import { expectedOf, randomCase } from "./cases.ts";
import { problemOfCase, problemOfTruth, problemOfWild } from "./proof.ts";
import { truthOf } from "./truth.ts";
import { wildCase } from "./wild.ts";

function option(name: string, fallback: number): number {
  const index = process.argv.indexOf(`--${name}`);
  const value = index < 0 ? fallback : Number(process.argv[index + 1]);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  console.error(`soak: --${name} must be a whole number`);
  process.exit(254);
}

/** Leaves out edits as long as the rest still shows a problem. */
function shrink(seed: number): string {
  let one = randomCase(seed);
  for (let i = 0; i < one.edits.length; ) {
    const fewer = { ...one, edits: one.edits.filter((_, index) => index !== i) };
    if (problemOfCase(fewer, seed) === undefined) i += 1;
    else one = fewer;
  }
  return `${JSON.stringify(one)}: ${problemOfCase(one, seed)} (${expectedOf(one).bytes.length} bytes)`;
}

const cases = option("cases", 100_000);
const first = option("seed", 0);
const startedMs = performance.now();
for (let seed = first; seed < first + cases / 3; seed += 1) {
  if (problemOfCase(randomCase(seed), seed) !== undefined) {
    console.log(`known answer, seed ${seed}: ${shrink(seed)}`);
    process.exit(1);
  }
  const problem = problemOfWild(wildCase(seed), seed);
  if (problem !== undefined) {
    console.log(`wild, seed ${seed}: ${problem}`);
    process.exit(1);
  }
  const longer = problemOfTruth(truthOf(seed), seed);
  if (longer !== undefined) {
    console.log(`edits, seed ${seed}: ${longer}`);
    process.exit(1);
  }
  if (seed % 2000 === 1999)
    console.error(`${(seed - first + 1) * 3} cases, ${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
}
console.log(`${cases} cases, no problem, seeds from ${first}`);
