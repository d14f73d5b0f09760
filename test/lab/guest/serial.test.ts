/** The four streams of a guest on one serial line. */
import { expect, test } from "bun:test";
import { SerialReader } from "../../../src/lab/guest/ports.ts";

test("lines go to the stream they name, whole, wherever the pieces are cut; anything else is noise", () => {
  const got: Record<string, string> = { status: "", stdout: "", stderr: "", files: "" };
  const taker = (name: string) => (bytes: Uint8Array) => {
    got[name] += Buffer.from(bytes).toString("latin1");
  };
  const takers = { status: taker("status"), stdout: taker("stdout"), stderr: taker("stderr"), files: taker("files") };
  const base64 = (text: string) => Buffer.from(text, "latin1").toString("base64");
  const line = [
    "noise of a boot loader",
    "status start 3.21",
    `stdout ${base64("one\n\0\xff")}`,
    `stdout ${base64("two")}\r`,
    `stderr ${base64("words")}`,
    `files ${base64("tar")}`,
    "status exit 1\r",
    "unfinished",
  ].join("\n");
  for (const size of [1, 7, 4096]) {
    for (const name of Object.keys(got)) got[name] = "";
    const reader = new SerialReader(takers);
    for (let at = 0; at < line.length; at += size) reader.push(Buffer.from(line.slice(at, at + size), "latin1"));
    expect(got).toEqual({ status: "start 3.21\nexit 1\n", stdout: "one\n\0\xfftwo", stderr: "words", files: "tar" });
  }
});
