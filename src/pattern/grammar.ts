/** What `--pattern` may be, as `--help` and refusals print it; spec.ts reads it. */
export const GRAMMAR =
  "counter, counter:width=32|64,order=le|be,unit=bytes|words|sectors,start=N, tagged, zero, byte:0xAA, prng:SEED, lines, lines:start=N,digits=N,prefix=TEXT,suffix=TEXT, reference:FILE or fio";
