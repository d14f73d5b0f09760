/* SPDX-License-Identifier: MIT
 *
 * ABOUT
 *
 * write(2) from a buffer with only its first bytes readable comes back short. On XFS blocks of the page cache that
 * were never filled are then marked as filled: the file shows old kernel memory in what should be a hole.
 *
 * Build: gcc -O2 -Wall -Wextra -Werror -o short-write-exposes short-write-exposes.c
 * Run:   ./short-write-exposes [DIRECTORY]   (on XFS; files are made there and removed again)
 * Ends 1 when a file has bytes that were never written, 0 when none has, 125 when a call is refused. Kernels that clear
 * memory when it is allocated (init_on_alloc=1) show zeros.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TRIES (300)
#define PAGE 4096L
#define FILE_BYTES (1L << 20)
#define DIRTY_BYTES (32L << 20)

static unsigned char back[FILE_BYTES];

static void refused(const char *what)
{
  perror(what);
  exit(125);
}

static char *memory(long bytes)
{
  char *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED)
    refused("mmap");
  return map;
}

/* Leaves memory with contents behind, so that what a file may show by mistake is not zero. */
static void dirty_memory(void)
{
  char *map = memory(DIRTY_BYTES);
  memset(map, 0x5d, DIRTY_BYTES);
  munmap(map, DIRTY_BYTES);
}

/* The first byte of a new file that is not what was written there, or -1. */
static long wrong_byte(void)
{
  long good = 1 + rand() % 20000, asked = good + 1 + rand() % 200000, offset = 512 * (rand() % 200);
  int file = open("short-write.data", O_RDWR | O_CREAT | O_EXCL, 0600);
  if (file < 0 || unlink("short-write.data") != 0 || ftruncate(file, FILE_BYTES) != 0)
    refused("short-write.data");

  /* The readable bytes end where a page ends. */
  long readable = (good + PAGE - 1) / PAGE * PAGE, all = readable + (asked + PAGE - 1) / PAGE * PAGE;
  char *map = memory(all);
  memset(map, 'G', readable);
  mprotect(map + readable, all - readable, PROT_NONE);
  long written = pwrite(file, map + readable - good, asked, offset);
  if (written < 0)
    written = 0; /* EFAULT: nothing was written */
  munmap(map, all);

  long wrong = -1;
  if (pread(file, back, FILE_BYTES, 0) != FILE_BYTES)
    refused("pread");
  for (long at = 0; at < FILE_BYTES && wrong < 0; at++)
    if (back[at] != (at >= offset && at < offset + written ? 'G' : 0))
      wrong = at;
  if (wrong >= 0)
    printf("pwrite of %ld bytes at %ld returned %ld; byte %ld of the file is 0x%02x\n", asked, offset, written, wrong,
           back[wrong]);
  close(file);
  return wrong;
}

int main(int argc, char **argv)
{
  int corrupt = 0;
  if (argc > 1 && chdir(argv[1]) != 0)
    refused(argv[1]);
  srand(1);
  for (int i = 0; i < TRIES && !corrupt; i++) {
    if (i % 8 == 0)
      dirty_memory();
    corrupt = wrong_byte() >= 0;
  }
  puts(corrupt ? "CORRUPT" : "clean");
  return corrupt;
}
