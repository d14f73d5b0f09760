/*
 * Searching damaged bytes for two words that are one step apart, at any byte, compiled with loops.c, whose table leads
 * here. No #include, for the reason given there.
 */
typedef unsigned long long u64;
typedef unsigned int u32;
typedef unsigned char u8;

#ifdef BW_X86_64
/* How many times 16 bytes have no index at which the lowest byte 8 bytes on is larger by `low`; at most `most`. */
static u64 without_candidate(const u8 *p, u64 most, u8 low) {
  u64 lows[2];
  u64 *place = lows;
  u64 left = most;
  lows[0] = lows[1] = low * 0x0101010101010101ull;
  __asm__ volatile(
      ".byte 0xf3,0x0f,0x6f,0x12\n"      /* movdqu (%rdx),%xmm2 */
      "1:\n"
      ".byte 0xf3,0x0f,0x6f,0x47,0x08\n" /* movdqu 8(%rdi),%xmm0 */
      ".byte 0xf3,0x0f,0x6f,0x0f\n"      /* movdqu (%rdi),%xmm1 */
      ".byte 0x66,0x0f,0xf8,0xc1\n"      /* psubb %xmm1,%xmm0 */
      ".byte 0x66,0x0f,0x74,0xc2\n"      /* pcmpeqb %xmm2,%xmm0 */
      ".byte 0x66,0x0f,0xd7,0xc0\n"      /* pmovmskb %xmm0,%eax */
      "testl %%eax, %%eax\n"
      "jnz 2f\n"
      "addq $16, %%rdi\n"
      "decq %%rcx\n"
      "jnz 1b\n"
      "2:\n"
      : "+D"(p), "+c"(left)
      : "d"(place)
      : "memory", "rax");
  return most - left;
}
#endif

/* First index from `from` (bytes) at which a u64 is followed by itself plus step, 8 bytes on; -1 if none starts before `to`. */
int bw_successor(u8 *base, u64 offset, u32 from, u32 to, u32 step_lo, u32 step_hi) {
  u64 step = ((u64)step_hi << 32) | step_lo;
  const u8 *p = base + offset;
  u32 i = from;
  u32 end;
  while (i < to) {
    end = to;
#ifdef BW_X86_64
    if (to - i >= 16) {
      i += (u32)without_candidate(p + i, (to - i) / 16, (u8)step) * 16;
      if (to - i >= 16) end = i + 16;
    }
#endif
    for (; i < end; i++)
      if (*(const u64 *)(p + i + 8) - *(const u64 *)(p + i) == step) return (int)i;
  }
  return -1;
}
