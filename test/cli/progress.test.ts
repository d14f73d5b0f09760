/** The live line as text, and where it goes. */
import { expect, test } from "bun:test";
import { progressText } from "../../src/cli/progress.ts";
import { bytesText, secondsText, size } from "../../src/units.ts";

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.00 KiB"],
  [1536, "1.50 KiB"],
  [1023 * 1024, "1023 KiB"],
  [2 ** 30 * 1.5, "1.50 GiB"],
  [2 ** 40 * 123, "123 TiB"],
  [2 ** 50 * 5, "5120 TiB"],
])("%i bytes are %s", (bytes, text) => expect(bytesText(bytes)).toBe(text));

test.each([
  [0, "0 B", "0 B"],
  [1023, "1023 B", "1023 B"],
  [1024, "1 KiB", "1.00 KiB"],
  [1_937_408, "1.8 MiB", "1.85 MiB"],
  [2 ** 53, "8 PiB", "8192 TiB"],
])("%i bytes in a report are %s, in a line of progress %s", (bytes, inReport, inProgress) => {
  expect([size(bytes), bytesText(bytes)]).toEqual([inReport, inProgress]);
});

test.each([
  [0, "0.0s"],
  [12.34, "12.3s"],
  [59.94, "59.9s"],
  [60, "1m00s"],
  [65.4, "1m05s"],
  [3600, "60m00s"],
])("%f seconds are %s", (seconds, text) => expect(secondsText(seconds)).toBe(text));

test("percent, time left, label, bytes and rate", () => {
  expect(progressText({ done: 15, total: 60, bytes: 2 ** 30, label: "12 files" }, 15)).toBe(
    "25%  15.0s elapsed  45.0s left  12 files  1.00 GiB  68.3 MiB/s",
  );
  expect(progressText({ done: 70, total: 60 }, 70)).toBe("100%  1m10s elapsed  0.0s left");
  expect(progressText({ done: 0, total: 60 }, 0)).toBe("0%  0.0s elapsed");
  expect(progressText({ done: 5 }, 5)).toBe("5.0s elapsed");
  expect(progressText({ done: 5, bytes: 100 }, 0)).toBe("0.0s elapsed  100 B");
  expect(progressText({ done: 5, total: 0, label: "" }, 5)).toBe("5.0s elapsed");
});
