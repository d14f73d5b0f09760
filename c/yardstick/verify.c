/*
 * The loops that a C programmer would write to verify the patterns, as yardsticks for the benchmark; compiled by gcc with
 * -O2 and with -O3 -march=native. Each answers the index of the first wrong word, or -1.
 */
typedef unsigned long long u64;

/* Report 1's loop: look at each word, stop at the first wrong one. */
long bv_plain(const u64 *words, u64 count, u64 start) {
  u64 i;
  for (i = 0; i < count; i++)
    if (words[i] != start + i) return (long)i;
  return -1;
}

/* Groups of 64 words without a branch, which compilers turn into vector code; the wrong one is looked for afterwards. */
long bv_groups(const u64 *words, u64 count, u64 start) {
  u64 i = 0, k;
  for (; i + 64 <= count; i += 64) {
    u64 difference = 0;
    for (k = 0; k < 64; k++) difference |= words[i + k] ^ (start + i + k);
    if (difference) break;
  }
  for (; i < count; i++)
    if (words[i] != start + i) return (long)i;
  return -1;
}

/* Tagged payload: consecutive words differ by a 64-bit step. */
long bv_step(const u64 *words, u64 count, const u64 *start_and_step) {
  u64 i = 0, k, start = start_and_step[0], step = start_and_step[1];
  for (; i + 64 <= count; i += 64) {
    u64 difference = 0;
    u64 expected = start + i * step;
    for (k = 0; k < 64; k++) difference |= words[i + k] ^ (expected + k * step);
    if (difference) break;
  }
  for (; i < count; i++)
    if (words[i] != start + i * step) return (long)i;
  return -1;
}
