/* SPDX-License-Identifier: MIT
 *
 * ABOUT
 *
 * Two processes write records to one memfd that they share by fork(2). Files of memfd_create(2) are made without the flag
 * that makes the file position atomic, so two writes begin at the same place and one record goes.
 *
 * Build: gcc -O2 -Wall -Wextra -Werror -o memfd-position memfd-position.c
 * Run:   ./memfd-position
 * Ends 1 when a record whose write(2) returned its whole length is not in the file, 0 when all are, 125 when a call is
 * refused.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECORDS (500) /* of each writer */
#define ROUNDS (6)
#define RECORD_BYTES 4096

static void refused(const char *what)
{
  perror(what);
  exit(125);
}

/* Each record is full of its own number, which no other record has. */
static void fill(unsigned *record, unsigned number)
{
  for (unsigned i = 0; i < RECORD_BYTES / sizeof *record; i++)
    record[i] = number;
}

/* Waits until the other end of the pipe is closed, then writes all records at the shared position. */
static void write_records(int file, int start, unsigned writer)
{
  unsigned record[RECORD_BYTES / sizeof(unsigned)];
  char none;
  if (read(start, &none, 1) != 0)
    _exit(125);
  for (unsigned i = 0; i < RECORDS; i++) {
    fill(record, writer * RECORDS + i + 1);
    if (write(file, record, RECORD_BYTES) != RECORD_BYTES)
      _exit(125);
  }
  _exit(0);
}

/* How many acknowledged records are not in the file. */
static int missing(int file)
{
  static char seen[2 * RECORDS + 1];
  unsigned record[RECORD_BYTES / sizeof(unsigned)];
  int found = 0;
  memset(seen, 0, sizeof seen);
  for (off_t at = 0; pread(file, record, RECORD_BYTES, at) == RECORD_BYTES; at += RECORD_BYTES) {
    if (record[0] < 1 || record[0] > 2 * RECORDS || seen[record[0]])
      continue;
    seen[record[0]] = 1;
    found++;
  }
  return 2 * RECORDS - found;
}

static int attempt(void)
{
  int file = memfd_create("memfd-position", 0);
  int start[2];
  if (file < 0 || pipe(start) != 0)
    refused("memfd_create");
  for (unsigned writer = 0; writer < 2; writer++) {
    pid_t child = fork();
    if (child < 0)
      refused("fork");
    if (child == 0) {
      close(start[1]);
      write_records(file, start[0], writer);
    }
  }
  close(start[0]);
  close(start[1]); /* both begin */
  for (int status = 0; wait(&status) > 0;)
    if (status != 0)
      refused("write");
  int gone = missing(file);
  if (gone > 0)
    printf("%d of %d acknowledged records are gone; the file has %lld bytes\n", gone, 2 * RECORDS,
           (long long)lseek(file, 0, SEEK_END));
  close(file);
  return gone > 0;
}

int main(void)
{
  int corrupt = 0;
  for (int i = 0; i < ROUNDS && !corrupt; i++)
    corrupt = attempt();
  puts(corrupt ? "CORRUPT" : "clean");
  return corrupt;
}
