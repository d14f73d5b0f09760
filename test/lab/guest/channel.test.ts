/** The end of a guest's stream: the mark is kept from its taker, everything else arrives, wherever the pieces are cut. */
import { expect, test } from "bun:test";
import { MarkedStream } from "../../../src/lab/guest/channel.ts";

const MARK = "\0lab: end of stream\0\n";

function through(text: string, pieceBytes: number): { taken: string; ends: number } {
  const result = { taken: "", ends: 0 };
  const stream = new MarkedStream(
    (bytes) => {
      result.taken += Buffer.from(bytes).toString("latin1");
    },
    () => {
      result.ends += 1;
    },
  );
  const bytes = Buffer.from(text, "latin1");
  for (let at = 0; at < bytes.length; at += pieceBytes) stream.push(bytes.subarray(at, at + pieceBytes));
  stream.end();
  return result;
}

for (const pieceBytes of [1, 2, 7, 20, 21, 4096]) {
  test(`in pieces of ${pieceBytes} bytes`, () => {
    expect(through(`{"a":1}\n${MARK}`, pieceBytes)).toEqual({ taken: '{"a":1}\n', ends: 1 });
    expect(through(MARK, pieceBytes)).toEqual({ taken: "", ends: 1 });
    expect(through(`tar\0\0\0${MARK}`, pieceBytes)).toEqual({ taken: "tar\0\0\0", ends: 1 });
  });

  test(`a guest that died gave no mark, in pieces of ${pieceBytes} bytes: nothing is lost`, () => {
    expect(through(`half of a rep\0lab: end`, pieceBytes)).toEqual({ taken: "half of a rep\0lab: end", ends: 0 });
    expect(through("\0\0\0", pieceBytes)).toEqual({ taken: "\0\0\0", ends: 0 });
  });
}
