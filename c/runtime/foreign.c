/*
 * Loops for patterns and checksums of other programs (SplitMix64, fio's payload and its CRC-32C), compiled with loops.c,
 * whose table leads to them. No #include, for the reason given there.
 */
typedef unsigned long long u64;
typedef unsigned int u32;
typedef unsigned char u8;

#ifdef BW_X86_64
/* SSE4.2, which has an instruction for CRC-32C (leaf 1, ecx bit 20). */
static int has_sse42(void) {
  u32 a = 1, b, c = 0, d;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  return (c >> 20) & 1;
}

/* -1: not asked yet. */
static int sse42 = -1;
#endif

#define SPLITMIX_STEP 0x9e3779b97f4a7c15ull

/* SplitMix64 (see src/pattern/prng.ts): word i is the output for state + i * step. */
int bw_splitmix(u8 *base, u64 offset, u64 words, u32 state_lo, u32 state_hi) {
  u8 *bytes = base + offset;
  u64 state = ((u64)state_hi << 32) | state_lo;
  u64 i, z;
  for (i = 0; i < words; i++, state += SPLITMIX_STEP) {
    z = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    *(u64 *)(bytes + i * 8) = z ^ (z >> 31);
  }
  return 0;
}

/* The state that gives an output: each step turned back. */
static u64 splitmix_state(u64 z) {
  z ^= (z >> 31) ^ (z >> 62);
  z *= 0x319642b2d24d8ec3ull;
  z ^= (z >> 27) ^ (z >> 54);
  z *= 0x96de1b173f119089ull;
  return z ^ (z >> 30) ^ (z >> 60);
}

/* First index from `from` (bytes) at which two words have states one step apart; -1 if none starts before `to`. */
int bw_splitmix_successor(u8 *base, u64 offset, u32 from, u32 to) {
  const u8 *p = base + offset;
  u32 i;
  for (i = from; i < to; i++)
    if (splitmix_state(*(const u64 *)(p + i + 8)) - splitmix_state(*(const u64 *)(p + i)) == SPLITMIX_STEP) return (int)i;
  return -1;
}

/* Every fourth word of the block, the first at the offset, is the one before it times the factor (src/judge/fio). */
int bw_geometric(u8 *base, u64 offset, u64 words, u32 start_lo, u32 start_hi, u32 factor_lo, u32 factor_hi) {
  u64 *p = (u64 *)(base + offset);
  u64 value = ((u64)start_hi << 32) | start_lo;
  u64 factor = ((u64)factor_hi << 32) | factor_lo;
#ifdef BW_X86_64
  if (words)
    __asm__ volatile(
        "1:\n"
        "movq %%rax, (%%rdx)\n"
        "imulq %%rsi, %%rax\n"
        "addq $32, %%rdx\n"
        "decq %%rcx\n"
        "jnz 1b\n"
        : "+a"(value), "+d"(p), "+c"(words)
        : "S"(factor)
        : "memory");
#else
  for (; words; words--, p += 4, value *= factor) *p = value;
#endif
  return 0;
}

/* CRC-32C (Castagnoli), reflected, of bytes[offset, offset + count), going on from `crc`; a bit at a time without SSE4.2. */
u32 bw_crc32c(u8 *base, u64 offset, u64 count, u32 crc) {
  const u8 *p = base + offset;
  u64 value = crc;
  int bit;
#ifdef BW_X86_64
  if (sse42 < 0) sse42 = has_sse42();
  if (sse42 && count >= 8) {
    u64 words = count / 8;
    count %= 8;
    __asm__ volatile(
        "1:\n"
        ".byte 0xf2,0x48,0x0f,0x38,0xf1,0x02\n" /* crc32q (%rdx),%rax */
        "addq $8, %%rdx\n"
        "decq %%rcx\n"
        "jnz 1b\n"
        : "+a"(value), "+d"(p), "+c"(words)
        :
        : "memory");
  }
#endif
  for (; count; count--) {
    value ^= *p++;
    for (bit = 0; bit < 8; bit++) value = (value >> 1) ^ (0x82f63b78u & (0u - (u32)(value & 1)));
  }
  return (u32)value;
}
