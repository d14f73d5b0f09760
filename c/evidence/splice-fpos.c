/* SPDX-License-Identifier: MIT
 *
 * ABOUT
 *
 * splice(2) from an empty pipe to a file with a NULL offset reads the file position, sleeps, and stores the position when it
 * returns, although it wrote nothing. Another writer of the same open file has moved the position meanwhile: the next
 * write(2) lands on top of its record.
 *
 * Build: gcc -O2 -Wall -Wextra -Werror -o splice-fpos splice-fpos.c
 * Run:   ./splice-fpos [DIRECTORY]   (a file is made there and removed again)
 * Ends 1 when an acknowledged record is gone, 0 when it is there, 125 when a call is refused.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEADER 100
#define OTHER 50000
#define NEXT 100

static char record[OTHER], back[OTHER];

static void refused(const char *what)
{
  perror(what);
  exit(125);
}

/* Appends a record at the shared position. */
static void put(int file, char letter, size_t length)
{
  memset(record, letter, length);
  if (write(file, record, length) != (ssize_t)length)
    refused("write");
}

/* True once the process sleeps. */
static int asleep(pid_t pid)
{
  char path[32], text[256] = "";
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int fd = open(path, O_RDONLY);
  ssize_t got = read(fd, text, sizeof text - 1);
  close(fd);
  char *state = got > 0 ? strrchr(text, ')') : NULL;
  return state != NULL && state[2] == 'S';
}

static int attempt(void)
{
  int pipe_ends[2];
  int file = open("splice-fpos.data", O_RDWR | O_CREAT | O_EXCL, 0600);
  if (file < 0 || unlink("splice-fpos.data") != 0 || pipe(pipe_ends) != 0)
    refused("splice-fpos.data");
  put(file, 'A', HEADER); /* the position is 100 */

  pid_t child = fork();
  if (child < 0)
    refused("fork");
  if (child == 0) {
    close(pipe_ends[1]);
    _exit(splice(pipe_ends[0], NULL, file, NULL, 65536, 0) == 0 ? 0 : 125);
  }
  for (int i = 0; i < 10000 && !asleep(child); i++)
    usleep(1000);

  put(file, 'B', OTHER); /* the position is 50100 */
  close(pipe_ends[0]);
  close(pipe_ends[1]); /* end of the pipe: splice returns 0 */
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0)
    refused("splice");
  long position = lseek(file, 0, SEEK_CUR);
  put(file, 'C', NEXT);

  memset(record, 'B', OTHER);
  int gone = pread(file, back, OTHER, HEADER) != OTHER || memcmp(back, record, OTHER) != 0;
  if (gone)
    printf("the position is %ld, not %d: the record at %d is not what was written\n", position, HEADER + OTHER, HEADER);
  close(file);
  return gone;
}

int main(int argc, char **argv)
{
  int corrupt = 0;
  if (argc > 1 && chdir(argv[1]) != 0)
    refused(argv[1]);
  alarm(60); /* on some file systems the waiting splice holds the lock that the write needs */
  for (int i = 0; i < 3 && !corrupt; i++)
    corrupt = attempt();
  puts(corrupt ? "CORRUPT" : "clean");
  return corrupt;
}
