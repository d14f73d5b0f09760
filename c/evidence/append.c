/* SPDX-License-Identifier: MIT
 *
 * ABOUT
 *
 * One append at a time to a new O_APPEND file on XFS, from a process whose memory group is nearly full. The kernel first
 * tries without waiting; when that stops half-way, it forgets how far it came and appends everything again.
 *
 * Build: gcc -O2 -Wall -Wextra -Werror -o append append.c -luring     (without -luring when DOOR is 0)
 * Run as root: ./append DIRECTORY     (on XFS; the files are removed again)
 * Ends 1 when a file is not what the calls reported, 0 when all are, 125 when a call is refused.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define DOOR 1 /* 1: io_uring writev; 0: pwritev2(RWF_NOWAIT), continued with write() */
#define APPEND_BYTES (8 << 20)
#define HEADROOM_BYTES (6 << 20) /* of the memory group, above what the process has */
#define ATTEMPTS 60

#if DOOR
#include <liburing.h>
static struct io_uring ring;
#endif

static uint64_t words[APPEND_BYTES / 8];
static char group[64];

static void refused(const char *what)
{
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(125);
}

/* Opens a control file of the group, or one of the root group for "../NAME". */
static int control(const char *name, int flags)
{
  char path[128];
  snprintf(path, sizeof path, "%s/%s", group, name);
  int fd = open(path, flags);
  if (fd < 0)
    fprintf(stderr, "%s: %s; going on without it\n", path, strerror(errno));
  return fd;
}

static void release(void)
{
  dprintf(control("../cgroup.procs", O_WRONLY), "0");
  rmdir(group);
}

/* A memory group of our own with a limit just above what it holds. */
static void squeeze(void)
{
  char text[32] = "";
  snprintf(group, sizeof group, "/sys/fs/cgroup/append-%d", getpid());
  mkdir(group, 0755);
  atexit(release);
  dprintf(control("../cgroup.subtree_control", O_WRONLY), "+memory");
  dprintf(control("cgroup.procs", O_WRONLY), "0");
  memset(words, 0xff, sizeof words); /* charged to the group from here on */
  if (read(control("memory.current", O_RDONLY), text, sizeof text - 1) > 0)
    dprintf(control("memory.max", O_WRONLY), "%lld", atoll(text) + HEADROOM_BYTES);
}

/* The inline attempt is made only when the file's time need not change: stamp it just after a clock tick. */
static void stamp(int fd)
{
  struct timespec first, now;
  clock_gettime(CLOCK_REALTIME_COARSE, &first);
  do
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
  while (now.tv_nsec == first.tv_nsec);
  futimens(fd, NULL);
}

/* Appends `length` bytes from `from`: the count that the kernel reports. */
static long append(int fd, char *from, size_t length)
{
  struct iovec part = { from, length };
#if DOOR
  struct io_uring_cqe *done;
  io_uring_prep_writev(io_uring_get_sqe(&ring), fd, &part, 1, -1);
  if (io_uring_submit(&ring) != 1 || io_uring_wait_cqe(&ring, &done) < 0)
    refused("io_uring");
  long result = done->res;
  io_uring_cqe_seen(&ring, done);
#else
  long result = pwritev2(fd, &part, 1, -1, RWF_NOWAIT);
  if (result < 0 && errno == EAGAIN)
    result = write(fd, from, length); /* "try again" means that nothing was written */
#endif
  return result;
}

static int attempt(const char *path)
{
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND, 0644);
  if (fd < 0)
    refused(path);
  for (size_t i = 0; i < APPEND_BYTES / 8; i++)
    words[i] = i;
  fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 2 * APPEND_BYTES); /* one long extent: nothing restarts the copy */
  stamp(fd);
  for (size_t done = 0; done < APPEND_BYTES;) {
    long result = append(fd, (char *)words + done, APPEND_BYTES - done);
    if (result <= 0 && unlink(path) == 0)
      refused("append");
    done += result;
  }
  struct stat file;
  fstat(fd, &file);
  long bad = -1;
  uint64_t word;
  for (long at = 0; bad < 0 && at < file.st_size && pread(fd, &word, 8, at) == 8; at += 8)
    if (word != (uint64_t)at / 8)
      bad = at;
  close(fd);
  unlink(path);
  if (bad < 0 && file.st_size == APPEND_BYTES)
    return 0;
  printf("reported %d bytes, the file has %lld; first wrong byte %ld\n", APPEND_BYTES, (long long)file.st_size, bad);
  return 1;
}

int main(int argc, char **argv)
{
  if (argc != 2 || chdir(argv[1]) != 0)
    refused("usage: append DIRECTORY");
#if DOOR
  if (io_uring_queue_init(8, &ring, 0) < 0)
    refused("io_uring_queue_init");
#endif
  squeeze();
  int corrupt = 0;
  for (int i = 0; i < ATTEMPTS && !corrupt; i++)
    corrupt = attempt("append.data");
  puts(corrupt ? "CORRUPT" : "clean");
  return corrupt;
}
