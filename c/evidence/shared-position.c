/* SPDX-License-Identifier: MIT
 *
 * ABOUT
 *
 * Two processes copy a file each to one open file that they share by fork(2), as `(cat A & cat B & wait) > out` does.
 * copy_file_range(2) with a NULL offset reads the file position when it begins and stores it when it ends, without the
 * lock that write(2) holds meanwhile: both copies begin at the same place.
 *
 * Build: gcc -O2 -Wall -Wextra -Werror -o shared-position shared-position.c
 * Run:   ./shared-position [DIRECTORY]   (files are made there and removed again)
 * Ends 1 when a record that was acknowledged as copied is not in the file, 0 when all are, 125 when a call is refused.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECORDS (64) /* of each writer */
#define ROUNDS (6)
#define RECORD_BYTES 32768

static unsigned record[RECORD_BYTES / sizeof(unsigned)];

static void refused(const char *what)
{
  perror(what);
  exit(125);
}

/* A file that has no name any more. */
static int new_file(const char *name)
{
  int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (fd < 0 || unlink(name) != 0)
    refused(name);
  return fd;
}

/* Each record is full of its own number, which no other record has. */
static int source(unsigned writer)
{
  int fd = new_file("shared-position.in");
  for (unsigned i = 0; i < RECORDS; i++) {
    for (unsigned at = 0; at < RECORD_BYTES / sizeof *record; at++)
      record[at] = writer * RECORDS + i + 1;
    if (write(fd, record, RECORD_BYTES) != RECORD_BYTES)
      refused("write");
  }
  lseek(fd, 0, SEEK_SET);
  return fd;
}

/* Waits until the other end of the pipe is closed, then copies everything to the shared position. */
static void copy(int in, int out, int start, int by_sendfile)
{
  char none;
  if (read(start, &none, 1) != 0)
    _exit(125);
  for (long left = (long)RECORDS * RECORD_BYTES; left > 0;) {
    long got = by_sendfile ? sendfile(out, in, NULL, left) : copy_file_range(in, NULL, out, NULL, left, 0);
    if (got <= 0)
      _exit(125);
    left -= got;
  }
  _exit(0);
}

/* How many records are nowhere in the file. */
static int missing(int file)
{
  static char seen[2 * RECORDS + 1];
  int found = 0;
  memset(seen, 0, sizeof seen);
  for (off_t at = 0; pread(file, record, sizeof *record, at) == sizeof *record; at += 4096) {
    if (record[0] < 1 || record[0] > 2 * RECORDS || seen[record[0]])
      continue;
    seen[record[0]] = 1;
    found++;
  }
  return 2 * RECORDS - found;
}

static int attempt(int by_sendfile)
{
  int out = new_file("shared-position.out"), start[2];
  int in[2] = { source(0), source(1) };
  if (pipe(start) != 0)
    refused("pipe");
  for (int writer = 0; writer < 2; writer++) {
    if (fork() != 0)
      continue;
    close(start[1]);
    copy(in[writer], out, start[0], by_sendfile);
  }
  close(start[0]);
  close(start[1]); /* both begin */
  for (int status = 0; wait(&status) > 0;)
    if (status != 0)
      refused(by_sendfile ? "sendfile" : "copy_file_range");
  int gone = missing(out);
  if (gone > 0)
    printf("%s: %d of %d acknowledged records are gone; the file has %lld bytes\n",
           by_sendfile ? "sendfile" : "copy_file_range", gone, 2 * RECORDS, (long long)lseek(out, 0, SEEK_END));
  close(in[0]);
  close(in[1]);
  close(out);
  return gone > 0;
}

int main(int argc, char **argv)
{
  int corrupt = 0;
  if (argc > 1 && chdir(argv[1]) != 0)
    refused(argv[1]);
  for (int i = 0; i < 2 * ROUNDS && !corrupt; i++)
    corrupt = attempt(i % 2);
  puts(corrupt ? "CORRUPT" : "clean");
  return corrupt;
}
