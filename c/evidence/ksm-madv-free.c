/* SPDX-License-Identifier: MIT
 *
 * ABOUT
 *
 * KSM merges two mappings with the same contents; one of the two goes, the other calls MADV_FREE. A third mapping with the
 * same contents merges into the marked pages. When the second goes, reclaim takes the pages of the third, which never
 * called MADV_FREE: it reads zeros.
 *
 * Build: gcc -O2 -Wall -Wextra -Werror -o ksm-madv-free ksm-madv-free.c
 * Run as root: ./ksm-madv-free   (KSM is switched on for a moment)
 * Ends 1 when bytes of the third mapping are gone, 0 when all are there, 125 when a call is refused.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BYTES (256 * 1024)
#define WORDS (BYTES / 8)
#define SETTINGS 3
#define SCANS 5 /* full scans after which equal pages are merged */

static const char *const names[SETTINGS] = { "run", "pages_to_scan", "sleep_millisecs" };
static long before[SETTINGS] = { -1, -1, -1 };

static void refused(const char *what)
{
  perror(what);
  exit(125);
}

static long setting(const char *name, long value)
{
  char path[64];
  long old = -1;
  snprintf(path, sizeof path, "/sys/kernel/mm/ksm/%s", name);
  FILE *file = fopen(path, value < 0 ? "r" : "r+");
  if (file == NULL || fscanf(file, "%ld", &old) != 1)
    refused(path);
  rewind(file);
  if (value >= 0)
    fprintf(file, "%ld\n", value);
  fclose(file);
  return old;
}

static void restore(void)
{
  for (int i = SETTINGS - 1; i >= 0; i--)
    if (before[i] >= 0)
      setting(names[i], before[i]);
}

static uint64_t word(uint64_t seed, size_t i)
{
  return (seed << 24) + i;
}

/* A mapping that KSM may merge, page by page, with every other of the same seed. */
static uint64_t *filled(uint64_t seed)
{
  uint64_t *map = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED)
    refused("mmap");
  madvise(map, BYTES, MADV_NOHUGEPAGE);
  for (size_t i = 0; i < WORDS; i++)
    map[i] = word(seed, i);
  if (madvise(map, BYTES, MADV_MERGEABLE) != 0)
    refused("MADV_MERGEABLE");
  return map;
}

static void wait_for_merge(void)
{
  long begin = setting("full_scans", -1);
  for (int i = 0; i < 3000 && setting("full_scans", -1) < begin + SCANS; i++)
    usleep(10 * 1000);
}

/* Bytes of the victim that are not what was stored there; `frees` is 0 for the control. */
static size_t lost(uint64_t seed, int frees)
{
  uint64_t *freed = filled(seed), *twin = filled(seed);
  wait_for_merge();
  munmap(twin, BYTES);
  if (frees && madvise(freed, BYTES, MADV_FREE) != 0)
    refused("MADV_FREE");
  uint64_t *victim = filled(seed);
  wait_for_merge();
  munmap(freed, BYTES);
  madvise(victim, BYTES, MADV_PAGEOUT);
  size_t wrong = 0;
  for (size_t i = 0; i < WORDS; i++)
    wrong += victim[i] == word(seed, i) ? 0 : 8;
  munmap(victim, BYTES);
  return wrong;
}

/* An attempt in a process of its own: KSM remembers addresses whose pages it could not merge, and skips them for a while. */
static int attempt(uint64_t seed, int frees)
{
  int status = 0;
  pid_t child = fork();
  if (child < 0)
    refused("fork");
  if (child == 0) {
    size_t wrong = lost(seed, frees);
    if (wrong > 0)
      fprintf(stderr, "%zu of %d bytes are gone, %s MADV_FREE by another mapping\n", wrong, BYTES,
              frees ? "after" : "without");
    _exit(wrong > 0);
  }
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
    refused("wait");
  return WEXITSTATUS(status);
}

int main(void)
{
  int corrupt = 0;
  atexit(restore);
  before[1] = setting("pages_to_scan", 20000);
  before[2] = setting("sleep_millisecs", 5);
  before[0] = setting("run", 1);
  /* Contents of this process's own: pages that others have too stay theirs. */
  uint64_t seed = 1 + (uint64_t)getpid() * 64;
  if (attempt(seed, 0) != 0)
    return 125;
  for (int i = 1; i < 12 && !corrupt; i++)
    corrupt = attempt(seed + i, 1) == 1;
  puts(corrupt ? "CORRUPT" : "clean");
  return corrupt;
}
