/*
 * The hot loops of the judge, compiled in memory by bun:ffi's cc() (TinyCC).
 *
 * No #include: a machine without libc6-dev has no headers, and none are needed. One word rule serves all patterns:
 * word i of the block is start + i * step (mod 2^64); the counter has step 1, zeros have start 0 and step 0, the
 * tagged payload has an odd 64-bit step. TinyCC's assembler knows neither paddq nor AVX, so their bytes are spelled out,
 * each with its mnemonic next to it (Intel SDM volume 2). SSE2 is part of every x86-64; AVX2 and AVX-512 are asked for with
 * cpuid. Other processors take the plain C loop.
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

/* The next words of the stream, `width` of them, and what they grow by from turn to turn. */
static void lanes(u64 *lane, u64 width, u64 start, u64 step) {
  u64 i;
  for (i = 0; i < width; i++) lane[i] = start + i * step;
  for (; i < width + 4; i++) lane[i] = step * width;
}

/* True when `turns` times `width` words hold what they should; advances the lanes. */
typedef int Same(const u8 *p, u64 turns, u64 *lane);

/* Eight words a turn. */
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

/* Sixteen words a turn. Pointer in rdi, count in rcx, lanes in rsi. */
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

/* Thirty-two words a turn. vpternlogq 0xf6 is a | (b ^ c): compares and collects at once. */
static int widest_same(const u8 *p, u64 turns, u64 *lane) {
  u64 difference[8];
  u64 *out = difference;
  __asm__ volatile(
      ".byte 0x62,0xf1,0xfe,0x48,0x6f,0x06\n"           /* vmovdqu64 (%rsi),%zmm0 */
      ".byte 0x62,0xf1,0xfe,0x48,0x6f,0x4e,0x01\n"      /* vmovdqu64 64(%rsi),%zmm1 */
      ".byte 0x62,0xf1,0xfe,0x48,0x6f,0x56,0x02\n"      /* vmovdqu64 128(%rsi),%zmm2 */
      ".byte 0x62,0xf1,0xfe,0x48,0x6f,0x5e,0x03\n"      /* vmovdqu64 192(%rsi),%zmm3 */
      ".byte 0x62,0xf2,0xfd,0x48,0x59,0x66,0x20\n"      /* vpbroadcastq 256(%rsi),%zmm4 */
      ".byte 0xc5,0xd5,0xef,0xed\n"                     /* vpxor %ymm5,%ymm5,%ymm5 */
      ".byte 0xc5,0xcd,0xef,0xf6\n"                     /* vpxor %ymm6,%ymm6,%ymm6 */
      "1:\n"
      ".byte 0x62,0xf3,0xfd,0x48,0x25,0x2f,0xf6\n"      /* vpternlogq $0xf6,(%rdi),%zmm0,%zmm5 */
      ".byte 0x62,0xf3,0xf5,0x48,0x25,0x77,0x01,0xf6\n" /* vpternlogq $0xf6,64(%rdi),%zmm1,%zmm6 */
      ".byte 0x62,0xf3,0xed,0x48,0x25,0x6f,0x02,0xf6\n" /* vpternlogq $0xf6,128(%rdi),%zmm2,%zmm5 */
      ".byte 0x62,0xf3,0xe5,0x48,0x25,0x77,0x03,0xf6\n" /* vpternlogq $0xf6,192(%rdi),%zmm3,%zmm6 */
      ".byte 0x62,0xf1,0xfd,0x48,0xd4,0xc4\n"           /* vpaddq %zmm4,%zmm0,%zmm0 */
      ".byte 0x62,0xf1,0xf5,0x48,0xd4,0xcc\n"           /* vpaddq %zmm4,%zmm1,%zmm1 */
      ".byte 0x62,0xf1,0xed,0x48,0xd4,0xd4\n"           /* vpaddq %zmm4,%zmm2,%zmm2 */
      ".byte 0x62,0xf1,0xe5,0x48,0xd4,0xdc\n"           /* vpaddq %zmm4,%zmm3,%zmm3 */
      "addq $256, %%rdi\n"
      "decq %%rcx\n"
      "jnz 1b\n"
      ".byte 0x62,0xf1,0xd5,0x48,0xeb,0xee\n"           /* vporq %zmm6,%zmm5,%zmm5 */
      ".byte 0x62,0xf1,0xfe,0x48,0x7f,0x2a\n"           /* vmovdqu64 %zmm5,(%rdx) */
      ".byte 0x62,0xf1,0xfe,0x48,0x7f,0x06\n"           /* vmovdqu64 %zmm0,(%rsi) */
      ".byte 0x62,0xf1,0xfe,0x48,0x7f,0x4e,0x01\n"      /* vmovdqu64 %zmm1,64(%rsi) */
      ".byte 0x62,0xf1,0xfe,0x48,0x7f,0x56,0x02\n"      /* vmovdqu64 %zmm2,128(%rsi) */
      ".byte 0x62,0xf1,0xfe,0x48,0x7f,0x5e,0x03\n"      /* vmovdqu64 %zmm3,192(%rsi) */
      ".byte 0xc5,0xf8,0x77\n"                          /* vzeroupper */
      : "+D"(p), "+c"(turns)
      : "S"(lane), "d"(out)
      : "memory");
  return (difference[0] | difference[1] | difference[2] | difference[3] | difference[4] | difference[5] | difference[6] |
          difference[7]) == 0;
}

/*
 * How many words of a turn the processor can compare, its registers saved by the kernel (OSXSAVE, xcr0): AVX2 (leaf 7, ebx
 * bit 5); AVX-512 (ebx bit 16) only with VBMI2 (ecx bit 6), for older processors slow their clock down for it.
 */
static u64 widest_turn(void) {
  u32 a = 1, b, c = 0, d, saved;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  if ((c & 0x18000000) != 0x18000000) return 8;
  c = 0;
  __asm__ volatile(".byte 0x0f,0x01,0xd0" /* xgetbv */ : "=a"(saved), "=d"(d) : "c"(c));
  a = 7;
  c = 0;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  if ((saved & 0xe6) == 0xe6 && (b >> 16) & (c >> 6) & (b >> 5) & 1) return 32;
  return (saved & 6) == 6 && (b >> 5) & 1 ? 16 : 8;
}

static u64 widest;

/* How many words from the first on are right, as far as whole turns find out. */
static u64 pass(Same *is_same, u64 width, const u8 *bytes, u64 words, u64 start, u64 step) {
  u64 lane[36];
  u64 most = TURNS_MIN;
  u64 i = 0;
  if (words < width) return 0;
  lanes(lane, width, start, step);
  while (words - i >= width) {
    u64 turns = (words - i) / width;
    if (turns > most) turns = most;
    if (most < TURNS_MAX) most *= 2;
    if (!is_same(bytes + i * 8, turns, lane)) break;
    i += turns * width;
  }
  return i;
}

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
  /* What a wide turn found wrong, or left over, narrower ones look at. */
  if (widest >= 32) i = pass(widest_same, 32, bytes, words, start, step);
  if (widest >= 16) i += pass(wide_same, 16, bytes + i * 8, words - i, start + i * step, step);
  i += pass(same, 8, bytes + i * 8, words - i, start + i * step, step);
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
  u64 lane[12];
  if (words >= 8) {
    lanes(lane, 8, start, step);
    put(bytes, words / 8, lane);
    i = words / 8 * 8;
  }
#endif
  for (; i < words; i++) *(u64 *)(bytes + i * 8) = start + i * step;
  return 0;
}

/* c/runtime/search.c */
int bw_successor(u8 *base, u64 offset, u32 from, u32 to, u32 step_lo, u32 step_hi);

/* c/runtime/foreign.c */
int bw_splitmix(u8 *base, u64 offset, u64 words, u32 state_lo, u32 state_hi);
int bw_splitmix_successor(u8 *base, u64 offset, u32 from, u32 to);
int bw_geometric(u8 *base, u64 offset, u64 words, u32 start_lo, u32 start_hi, u32 factor_lo, u32 factor_hi);
u32 bw_crc32c(u8 *base, u64 offset, u64 count, u32 crc);

static u64 table[7];

/* One exported symbol: cc() builds a wrapper per symbol, at 0.6 ms each. */
u64 *bw_table(void) {
#ifdef BW_X86_64
  widest = widest_turn();
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
