/*
 * The yardstick of the append benchmark: report 1's workload and both its detections, written anew in C.
 *
 * Appends chunks of a random length to an O_APPEND file through io_uring (writev, offset -1), continues short results,
 * compares the file's size with the sum of the results, reads it back and compares every u64 with its place, and
 * removes it. The plan is that of src/workload/append/plan.ts (sfc32 by seed and file number), so that both sides of a
 * comparison write the same bytes.
 * Usage: append-twin DIRECTORY SECONDS FILE_MB SEED COUNT; prints one JSON object. Ends 1 on corruption, 255 on failure.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MIB (1024L * 1024L)
#define CHUNK_MIN (1 * MIB)
#define CHUNK_MAX (24 * MIB)
#define READ_WORDS 65536 /* 512 KiB, as in the report */

static void fail(const char *what, int error) {
  fprintf(stderr, "append-twin: %s: %s\n", what, strerror(error));
  exit(255);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The plan: sfc32 seeded through splitmix32, as src/workload/random.ts. */
struct random {
  uint32_t a, b, c, counter;
};

static uint32_t draw(struct random *r) {
  uint32_t result = r->a + r->b + r->counter++;
  r->a = r->b ^ (r->b >> 9);
  r->b = r->c + (r->c << 3);
  r->c = ((r->c << 21) | (r->c >> 11)) + result;
  return result;
}

static uint32_t mixed(uint32_t *state) {
  uint32_t z = *state += 0x9e3779b9u;
  z = (z ^ (z >> 16)) * 0x21f0aaadu;
  z = (z ^ (z >> 15)) * 0x735a2d97u;
  return z ^ (z >> 15);
}

static struct random plan_of(uint32_t seed, long file) {
  char label[32];
  struct random r;
  uint32_t state = seed;
  snprintf(label, sizeof label, "file %ld", file);
  for (const char *p = label; *p; p++) state = (state ^ (uint32_t)*p) * 0x01000193u;
  r.a = mixed(&state);
  r.b = mixed(&state);
  r.c = mixed(&state);
  r.counter = 1;
  for (int i = 0; i < 12; i++) draw(&r);
  return r;
}

static size_t chunk_length(struct random *r) {
  double high = (double)(draw(r) >> 5), low = (double)(draw(r) >> 6);
  double fraction = (high * 67108864.0 + low) / 9007199254740992.0;
  size_t length = ((size_t)CHUNK_MIN + (size_t)(fraction * (double)(CHUNK_MAX - CHUNK_MIN + 1))) & ~(size_t)7;
  if (length % 4096 != 0) return length;
  return length - 8 >= CHUNK_MIN ? length - 8 : length + 8;
}

/* One request at a time, as the report's program: submit, wait, look at the result. */
static size_t append(struct io_uring *ring, int fd, char *bytes, size_t length) {
  struct iovec vector = {.iov_base = bytes, .iov_len = length};
  struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
  struct io_uring_cqe *cqe;
  io_uring_prep_writev(sqe, fd, &vector, 1, (uint64_t)-1);
  int result = io_uring_submit(ring);
  if (result < 0) fail("io_uring_submit", -result);
  result = io_uring_wait_cqe(ring, &cqe);
  if (result < 0) fail("io_uring_wait_cqe", -result);
  result = cqe->res;
  io_uring_cqe_seen(ring, cqe);
  if (result <= 0) fail("writev", -result);
  return (size_t)result;
}

static uint64_t write_file(struct io_uring *ring, int fd, uint64_t *buffer, struct random *plan, uint64_t target) {
  uint64_t total = 0;
  while (total < target) {
    size_t length = chunk_length(plan);
    uint64_t first = total / 8;
    for (size_t i = 0; i < length / 8; i++) buffer[i] = first + i;
    for (size_t done = 0; done < length;) done += append(ring, fd, (char *)buffer + done, length - done);
    total += length;
  }
  return total;
}

/* The first byte that is not where it belongs, or -1. */
static long long first_bad(const char *path) {
  static uint64_t words[READ_WORDS];
  uint64_t index = 0;
  ssize_t got;
  int fd = open(path, O_RDONLY);
  if (fd < 0) fail(path, errno);
  while ((got = read(fd, words, sizeof words)) > 0) {
    size_t count = (size_t)got / 8;
    for (size_t i = 0; i < count; i++, index++) {
      if (words[i] != index) {
        close(fd);
        return (long long)(index * 8);
      }
    }
  }
  if (got < 0) fail(path, errno);
  close(fd);
  return -1;
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: append-twin DIRECTORY SECONDS FILE_MB SEED COUNT\n");
    return 254;
  }
  double seconds = atof(argv[2]);
  uint64_t target = strtoull(argv[3], NULL, 10) * MIB;
  uint32_t seed = (uint32_t)strtoul(argv[4], NULL, 10);
  long count = atol(argv[5]), file = 0;
  uint64_t bytes = 0;
  struct io_uring ring;
  int result = io_uring_queue_init(8, &ring, 0);
  if (result < 0) fail("io_uring_queue_init", -result);
  uint64_t *buffer = aligned_alloc(4096, CHUNK_MAX + 4096);
  if (buffer == NULL) fail("aligned_alloc", ENOMEM);

  double started = now();
  for (; file < count && now() - started < seconds; file++) {
    char path[4096];
    struct stat st;
    struct random plan = plan_of(seed, file);
    snprintf(path, sizeof path, "%s/twin.%ld", argv[1], file);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0644);
    if (fd < 0) fail(path, errno);
    uint64_t reported = write_file(&ring, fd, buffer, &plan, target);
    close(fd);
    if (stat(path, &st) < 0) fail(path, errno);
    long long bad = first_bad(path);
    if ((uint64_t)st.st_size != reported || bad >= 0) {
      printf("{\"corrupt\":\"%s\",\"reportedBytes\":%llu,\"sizeBytes\":%llu,\"firstBadBytes\":%lld}\n", path,
             (unsigned long long)reported, (unsigned long long)st.st_size, bad);
      return 1;
    }
    if (unlink(path) < 0) fail(path, errno);
    bytes += reported;
  }
  printf("{\"files\":%ld,\"bytes\":%llu,\"seconds\":%.6f}\n", file, (unsigned long long)bytes, now() - started);
  io_uring_queue_exit(&ring);
  free(buffer);
  return 0;
}
