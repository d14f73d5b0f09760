/** The thread of a scan's rear: compares pieces of the file from its end on. Owns nothing else. */
import { useLoopsAt } from "../../sys/loops.ts";
import { compareRear, type RearOrder } from "./rear.ts";
import { comparerOf } from "./scan.ts";

declare const self: { onmessage: (event: MessageEvent<RearOrder>) => void };

self.onmessage = ({ data }) => {
  if (data.loops !== undefined) useLoopsAt(data.loops);
  using comparer = comparerOf(data);
  compareRear(data, (range) => comparer.isRight(range));
};
