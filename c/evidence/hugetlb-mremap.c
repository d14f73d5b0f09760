/* SPDX-License-Identifier: MIT
 *
 * ABOUT
 *
 * A hugetlb mapping of 1 GiB and 8 MiB, touched only behind the first GiB, moves to an address that lies
 * elsewhere within its GiB. The kernel skips the empty page tables of the first GiB and rounds the old and the new address
 * differently when it does: the bytes are 512 MiB away from their offset.
 *
 * Build: gcc -O2 -Wall -Wextra -Werror -o hugetlb-mremap hugetlb-mremap.c
 * Run as root: ./hugetlb-mremap   (huge pages are allowed for a moment: nr_overcommit_hugepages)
 * Ends 1 when bytes are not at their offset after mremap(2), 0 when all are, 125 when a call is refused.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define MIB (1ul << 20)
#define GIB (1ul << 30)
#define BYTES (GIB + 8 * MIB)
#define TOUCHED_BYTES (4 * MIB) /* from 1 GiB on */
#define OVERCOMMIT "/proc/sys/vm/nr_overcommit_hugepages"

static long allowed_before = -1;

static void refused(const char *what)
{
  perror(what);
  exit(125);
}

/* Sets how many huge pages may be made on demand; what it was. */
static long allow(long pages)
{
  long before = -1;
  FILE *file = fopen(OVERCOMMIT, "r+");
  if (file == NULL || fscanf(file, "%ld", &before) != 1)
    refused(OVERCOMMIT);
  rewind(file);
  fprintf(file, "%ld\n", pages);
  fclose(file);
  return before;
}

static void restore(void)
{
  if (allowed_before >= 0)
    allow(allowed_before);
}

/* The first GiB boundary within 4 GiB of addresses that no one uses. */
static char *reserve(void)
{
  char *from = mmap(NULL, 4 * GIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (from == MAP_FAILED)
    refused("mmap");
  return (char *)(((uintptr_t)from + GIB - 1) & ~(GIB - 1));
}

/* Bytes of the touched range that are wrong after a move to `shift` bytes behind a GiB boundary. */
static unsigned long wrong_after_move(unsigned long shift)
{
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE | MAP_FIXED;
  char *map = mmap(reserve(), BYTES, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (map == MAP_FAILED || madvise(map + GIB, TOUCHED_BYTES, MADV_POPULATE_WRITE) != 0)
    refused("huge pages");
  uint64_t *words = (uint64_t *)(map + GIB);
  for (unsigned long i = 0; i < TOUCHED_BYTES / 8; i++)
    words[i] = i + 1;

  char *moved = mremap(map, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, reserve() + shift);
  if (moved == MAP_FAILED)
    refused("mremap");

  /* An error in the place of a signal where no huge page is free. */
  if (madvise(moved + GIB, TOUCHED_BYTES, MADV_POPULATE_WRITE) != 0)
    refused("madvise");
  unsigned long wrong = 0;
  words = (uint64_t *)(moved + GIB);
  for (unsigned long i = 0; i < TOUCHED_BYTES / 8; i++)
    wrong += words[i] == i + 1 ? 0 : 8;
  munmap(moved, BYTES);
  return wrong;
}

int main(void)
{
  int corrupt = 0;
  allowed_before = allow(8);
  atexit(restore);
  unsigned long control = wrong_after_move(0);
  if (control > 0) {
    printf("control: %lu bytes are wrong after a move by whole GiB\n", control);
    return 125;
  }
  unsigned long wrong = wrong_after_move(512 * MIB);
  if (wrong > 0)
    printf("%lu of %lu bytes are not at their offset after mremap\n", wrong, TOUCHED_BYTES);
  corrupt = wrong > 0;
  puts(corrupt ? "CORRUPT" : "clean");
  return corrupt;
}
