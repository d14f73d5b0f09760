/** What several runs saw of the racy path, as one account. */
import { expect, test } from "bun:test";
import { mergeTriggers } from "../../src/workload/trigger.ts";

const looked = (reached: number, how = "tracepoints") => ({ reached, attempts: 10, how });
const blind = { reached: null, attempts: 5, how: "unknown without root" };

test("counts add up, and each way of looking is named once", () => {
  const merged = mergeTriggers([looked(2), looked(3), looked(0, "short results")]);
  expect(merged).toEqual({ reached: 5, attempts: 30, how: "tracepoints; short results" });
});

test("nothing seen is unknown as long as one could not look, and a number once all could or one saw something", () => {
  expect(mergeTriggers([looked(0), blind]).reached).toBeNull();
  expect(mergeTriggers([looked(1), blind]).reached).toBe(1);
  expect(mergeTriggers([looked(0), looked(0)]).reached).toBe(0);
  expect(mergeTriggers([]).reached).toBeNull();
});
