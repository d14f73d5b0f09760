/*
 * The hot loops of the judge, compiled in memory by bun:ffi's cc() (TinyCC).
 *
 * No #include: a machine without libc6-dev has no headers, and none are needed. One word rule serves all patterns:
 * word i of the block is start + i * step (mod 2^64); the counter has step 1, zeros have start 0 and step 0, the
 * tagged payload has an odd 64-bit step. TinyCC's assembler knows neither paddq nor AVX, so their bytes are spelled out,
 * each with its mnemonic next to it (Intel SDM volume 2). SSE2 is part of every x86-64; AVX2 is asked for with cpuid.
 * Other processors take the plain C loop.
 */
typedef unsigned long long u64;
typedef unsigned int u32;
typedef unsigned char u8;

#ifdef BW_X86_64
/*
 * Turns between two looks at the accumulated difference: few at first, because damage is often found at once, then twice
 * as many each time, because each look costs.
 */
#define TURNS_MIN 8
#define TURNS_MAX 2048

#define STEP_ALL                                  \
  ".byte 0x66,0x0f,0xd4,0xc4\n" /* paddq %xmm4,%xmm0 */ \
  ".byte 0x66,0x0f,0xd4,0xcc\n" /* paddq %xmm4,%xmm1 */ \
  ".byte 0x66,0x0f,0xd4,0xd4\n" /* paddq %xmm4,%xmm2 */ \
  ".byte 0x66,0x0f,0xd4,0xdc\n" /* paddq %xmm4,%xmm3 */

static void lanes(u64 *lane, u64 start, u64 step) {
  int i;
  for (i = 0; i < 8; i++) lane[i] = start + (u64)i * step;
  lane[8] = lane[9] = step * 8;
}

/* True when `groups` times 64 bytes hold what they should; advances the lanes. */
static int same(const u8 *p, u64 groups, u64 *lane) {
  u64 difference[2];
  u64 *out = difference;
  __asm__ volatile(
      "movups (%2), %%xmm0\n"
      "movups 16(%2), %%xmm1\n"
      "movups 32(%2), %%xmm2\n"
      "movups 48(%2), %%xmm3\n"
      "movups 64(%2), %%xmm4\n"
      "pxor %%xmm5, %%xmm5\n"
      "1:\n"
      "movups (%0), %%xmm6\n"
      "movups 16(%0), %%xmm7\n"
      "pxor %%xmm0, %%xmm6\n"
      "pxor %%xmm1, %%xmm7\n"
      "por %%xmm6, %%xmm5\n"
      "por %%xmm7, %%xmm5\n"
      "movups 32(%0), %%xmm6\n"
      "movups 48(%0), %%xmm7\n"
      "pxor %%xmm2, %%xmm6\n"
      "pxor %%xmm3, %%xmm7\n"
      "por %%xmm6, %%xmm5\n"
      "por %%xmm7, %%xmm5\n"
      STEP_ALL
      "addq $64, %0\n"
      "decq %1\n"
      "jnz 1b\n"
      "movups %%xmm5, (%3)\n"
      "movups %%xmm0, (%2)\n"
      "movups %%xmm1, 16(%2)\n"
      "movups %%xmm2, 32(%2)\n"
      "movups %%xmm3, 48(%2)\n"
      : "+r"(p), "+r"(groups)
      : "r"(lane), "r"(out)
      : "memory");
  return (difference[0] | difference[1]) == 0;
}

/* Sixteen words a turn; lane[0..16) and lane[16..20) = step * 16. Pointer in rdi, count in rcx, lanes in rsi. */

static void wide_lanes(u64 *lane, u64 start, u64 step) {
  int i;
  for (i = 0; i < 16; i++) lane[i] = start + (u64)i * step;
  for (; i < 20; i++) lane[i] = step * 16;
}

static int wide_same(const u8 *p, u64 turns, u64 *lane) {
  u64 difference[4];
  u64 *out = difference;
  __asm__ volatile(
      ".byte 0xc5,0xfe,0x6f,0x06\n"           /* vmovdqu (%rsi),%ymm0 */
      ".byte 0xc5,0xfe,0x6f,0x4e,0x20\n"      /* vmovdqu 32(%rsi),%ymm1 */
      ".byte 0xc5,0xfe,0x6f,0x56,0x40\n"      /* vmovdqu 64(%rsi),%ymm2 */
      ".byte 0xc5,0xfe,0x6f,0x5e,0x60\n"      /* vmovdqu 96(%rsi),%ymm3 */
      ".byte 0xc5,0xfe,0x6f,0xa6,0x80,0,0,0\n" /* vmovdqu 128(%rsi),%ymm4 */
      ".byte 0xc5,0xd5,0xef,0xed\n"           /* vpxor %ymm5,%ymm5,%ymm5 */
      ".byte 0xc5,0xc5,0xef,0xff\n"           /* vpxor %ymm7,%ymm7,%ymm7 */
      "1:\n"
      ".byte 0xc5,0xfd,0xef,0x37\n"           /* vpxor (%rdi),%ymm0,%ymm6 */
      ".byte 0xc5,0xd5,0xeb,0xee\n"           /* vpor %ymm6,%ymm5,%ymm5 */
      ".byte 0xc5,0xf5,0xef,0x77,0x20\n"      /* vpxor 32(%rdi),%ymm1,%ymm6 */
      ".byte 0xc5,0xc5,0xeb,0xfe\n"           /* vpor %ymm6,%ymm7,%ymm7 */
      ".byte 0xc5,0xed,0xef,0x77,0x40\n"      /* vpxor 64(%rdi),%ymm2,%ymm6 */
      ".byte 0xc5,0xd5,0xeb,0xee\n"           /* vpor %ymm6,%ymm5,%ymm5 */
      ".byte 0xc5,0xe5,0xef,0x77,0x60\n"      /* vpxor 96(%rdi),%ymm3,%ymm6 */
      ".byte 0xc5,0xc5,0xeb,0xfe\n"           /* vpor %ymm6,%ymm7,%ymm7 */
      ".byte 0xc5,0xfd,0xd4,0xc4\n"           /* vpaddq %ymm4,%ymm0,%ymm0 */
      ".byte 0xc5,0xf5,0xd4,0xcc\n"           /* vpaddq %ymm4,%ymm1,%ymm1 */
      ".byte 0xc5,0xed,0xd4,0xd4\n"           /* vpaddq %ymm4,%ymm2,%ymm2 */
      ".byte 0xc5,0xe5,0xd4,0xdc\n"           /* vpaddq %ymm4,%ymm3,%ymm3 */
      "addq $128, %%rdi\n"
      "decq %%rcx\n"
      "jnz 1b\n"
      ".byte 0xc5,0xd5,0xeb,0xef\n"           /* vpor %ymm7,%ymm5,%ymm5 */
      ".byte 0xc5,0xfe,0x7f,0x2a\n"           /* vmovdqu %ymm5,(%rdx) */
      ".byte 0xc5,0xfe,0x7f,0x06\n"           /* vmovdqu %ymm0,(%rsi) */
      ".byte 0xc5,0xfe,0x7f,0x4e,0x20\n"      /* vmovdqu %ymm1,32(%rsi) */
      ".byte 0xc5,0xfe,0x7f,0x56,0x40\n"      /* vmovdqu %ymm2,64(%rsi) */
      ".byte 0xc5,0xfe,0x7f,0x5e,0x60\n"      /* vmovdqu %ymm3,96(%rsi) */
      ".byte 0xc5,0xf8,0x77\n"                /* vzeroupper */
      : "+D"(p), "+c"(turns)
      : "S"(lane), "d"(out)
      : "memory");
  return (difference[0] | difference[1] | difference[2] | difference[3]) == 0;
}

/* AVX2 in the processor (leaf 7, ebx bit 5) and its registers saved by the kernel (OSXSAVE, xcr0 bits 1 and 2). */
static int has_avx2(void) {
  u32 a = 1, b, c = 0, d;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  if ((c & 0x18000000) != 0x18000000) return 0;
  c = 0;
  __asm__ volatile(".byte 0x0f,0x01,0xd0" /* xgetbv */ : "=a"(a), "=d"(d) : "c"(c));
  if ((a & 6) != 6) return 0;
  a = 7;
  c = 0;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  return (b >> 5) & 1;
}

static int avx2;

static void put(u8 *p, u64 groups, u64 *lane) {
  __asm__ volatile(
      "movups (%2), %%xmm0\n"
      "movups 16(%2), %%xmm1\n"
      "movups 32(%2), %%xmm2\n"
      "movups 48(%2), %%xmm3\n"
      "movups 64(%2), %%xmm4\n"
      "1:\n"
      "movups %%xmm0, (%0)\n"
      "movups %%xmm1, 16(%0)\n"
      "movups %%xmm2, 32(%0)\n"
      "movups %%xmm3, 48(%0)\n"
      STEP_ALL
      "addq $64, %0\n"
      "decq %1\n"
      "jnz 1b\n"
      : "+r"(p), "+r"(groups)
      : "r"(lane)
      : "memory");
}
#endif

static int bw_mismatch(u8 *base, u64 offset, u64 words, u32 start_lo, u32 start_hi, u32 step_lo, u32 step_hi) {
  const u8 *bytes = base + offset;
  u64 start = ((u64)start_hi << 32) | start_lo;
  u64 step = ((u64)step_hi << 32) | step_lo;
  u64 i = 0;
#ifdef BW_X86_64
  u64 lane[20];
  u64 most = TURNS_MIN;
  if (avx2 && words >= 16) {
    wide_lanes(lane, start, step);
    while (words - i >= 16) {
      u64 turns = (words - i) / 16;
      if (turns > most) turns = most;
      if (most < TURNS_MAX) most *= 2;
      if (!wide_same(bytes + i * 8, turns, lane)) break;
      i += turns * 16;
    }
  }
  lanes(lane, start + i * step, step);
  most = TURNS_MIN;
  while (words - i >= 8) {
    u64 groups = (words - i) / 8;
    if (groups > most) groups = most;
    if (most < TURNS_MAX) most *= 2;
    if (!same(bytes + i * 8, groups, lane)) break;
    i += groups * 8;
  }
#else
  while (words - i >= 8) {
    const u64 *w = (const u64 *)(bytes + i * 8);
    u64 e = start + i * step;
    u64 d = w[0] ^ e;
    d |= w[1] ^ (e += step);
    d |= w[2] ^ (e += step);
    d |= w[3] ^ (e += step);
    d |= w[4] ^ (e += step);
    d |= w[5] ^ (e += step);
    d |= w[6] ^ (e += step);
    d |= w[7] ^ (e += step);
    if (d) break;
    i += 8;
  }
#endif
  for (; i < words; i++)
    if (*(const u64 *)(bytes + i * 8) != start + i * step) return (int)i;
  return -1;
}

static int bw_fill(u8 *base, u64 offset, u64 words, u32 start_lo, u32 start_hi, u32 step_lo, u32 step_hi) {
  u8 *bytes = base + offset;
  u64 start = ((u64)start_hi << 32) | start_lo;
  u64 step = ((u64)step_hi << 32) | step_lo;
  u64 i = 0;
#ifdef BW_X86_64
  u64 lane[10];
  if (words >= 8) {
    lanes(lane, start, step);
    put(bytes, words / 8, lane);
    i = words / 8 * 8;
  }
#endif
  for (; i < words; i++) *(u64 *)(bytes + i * 8) = start + i * step;
  return 0;
}

/* First index from `from` (bytes) at which a u64 is followed by itself plus step, 8 bytes on; -1 if none starts before `to`. */
static int bw_successor(u8 *base, u64 offset, u32 from, u32 to, u32 step_lo, u32 step_hi) {
  u64 step = ((u64)step_hi << 32) | step_lo;
  const u8 *p = base + offset;
  u32 i;
  for (i = from; i < to; i++)
    if (*(const u64 *)(p + i + 8) - *(const u64 *)(p + i) == step) return (int)i;
  return -1;
}

/* c/runtime/foreign.c */
int bw_splitmix(u8 *base, u64 offset, u64 words, u32 state_lo, u32 state_hi);
int bw_splitmix_successor(u8 *base, u64 offset, u32 from, u32 to);
int bw_geometric(u8 *base, u64 offset, u64 words, u32 start_lo, u32 start_hi, u32 factor_lo, u32 factor_hi);
u32 bw_crc32c(u8 *base, u64 offset, u64 count, u32 crc);

static u64 table[7];

/* One exported symbol: cc() builds a wrapper per symbol, at 0.6 ms each. */
u64 *bw_table(void) {
#ifdef BW_X86_64
  avx2 = has_avx2();
#endif
  table[0] = (u64)bw_mismatch;
  table[1] = (u64)bw_fill;
  table[2] = (u64)bw_successor;
  table[3] = (u64)bw_splitmix;
  table[4] = (u64)bw_splitmix_successor;
  table[5] = (u64)bw_geometric;
  table[6] = (u64)bw_crc32c;
  return table;
}
