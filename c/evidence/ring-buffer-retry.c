/* SPDX-License-Identifier: MIT
 *
 * ABOUT
 *
 * Two connections receive into one incremental io_uring buffer ring (IOU_PBUF_RING_INC). A's receive waits for all of its
 * bytes (MSG_WAITALL) and has half of them; B's receive takes the next piece of the same buffer; then A's other half
 * arrives, and the kernel continues where A's first half ended, over what B has already got.
 *
 * Build: gcc -O2 -Wall -Wextra -Werror -o ring-buffer-retry ring-buffer-retry.c -luring
 * Run:   ./ring-buffer-retry
 * Ends 1 when received bytes are gone from a buffer that was never given back, 0 when all are there, 125 when a call is
 * refused (incremental rings came with Linux 6.12).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <liburing.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define HALF 100
#define BUFFER_BYTES 4096
#define GROUP 1
#define INCREMENTAL 2 /* IOU_PBUF_RING_INC */

static struct io_uring ring;
static char buffer[BUFFER_BYTES];
static int received[2]; /* by A and by B, as completions report */

static void refused(const char *what, int error)
{
  fprintf(stderr, "%s: %s\n", what, strerror(error));
  exit(125);
}

/* One buffer in an incremental ring. */
static void register_buffer(void)
{
  struct io_uring_buf_ring *buffers =
    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
  struct io_uring_buf_reg request = { .ring_addr = (uintptr_t)buffers, .ring_entries = 1, .bgid = GROUP };
  uint16_t flags = INCREMENTAL;
  memcpy((char *)&request + 14, &flags, sizeof flags); /* a reserved field in older headers */
  if (buffers == MAP_FAILED)
    refused("mmap", errno);
  int error = io_uring_register_buf_ring(&ring, &request, 0);
  if (error != 0)
    refused("incremental buffer ring", -error);
  io_uring_buf_ring_init(buffers);
  io_uring_buf_ring_add(buffers, buffer, BUFFER_BYTES, 0, 0, 0);
  io_uring_buf_ring_advance(buffers, 1);
}

static void queue_receive(int socket, int who, int length, int flags)
{
  struct io_uring_sqe *request = io_uring_get_sqe(&ring);
  io_uring_prep_recv(request, socket, NULL, length, flags);
  request->flags |= IOSQE_BUFFER_SELECT;
  request->buf_group = GROUP;
  io_uring_sqe_set_data(request, &received[who]);
  if (io_uring_submit(&ring) != 1)
    refused("io_uring_submit", errno);
}

/* Takes completions until `who` has got `bytes`; with 0 only those that are there. */
static void collect(int who, int bytes)
{
  struct io_uring_cqe *done;
  while (bytes == 0 ? io_uring_peek_cqe(&ring, &done) == 0 : received[who] < bytes) {
    if (bytes != 0 && io_uring_wait_cqe(&ring, &done) != 0)
      refused("io_uring_wait_cqe", errno);
    if (done->res <= 0)
      refused("recv", -done->res);
    *(int *)io_uring_cqe_get_data(done) += done->res;
    io_uring_cqe_seen(&ring, done);
  }
}

static void send_half(int socket, char letter)
{
  char half[HALF];
  memset(half, letter, HALF);
  if (send(socket, half, HALF, 0) != HALF)
    refused("send", errno);
}

/* 1 when the half is nowhere in the buffer. */
static int gone(char letter, const char *whose)
{
  char half[HALF];
  memset(half, letter, HALF);
  if (memmem(buffer, BUFFER_BYTES, half, HALF) != NULL)
    return 0;
  printf("%s is not in the buffer any more\n", whose);
  return 1;
}

int main(void)
{
  int corrupt = 0;
  int a[2], b[2], waiting = 1;
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, a) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, b) != 0)
    refused("socketpair", errno);
  int error = io_uring_queue_init(8, &ring, 0);
  if (error != 0)
    refused("io_uring_queue_init", -error);
  register_buffer();
  alarm(60);

  /* A waits for both halves; the first is taken from its socket. */
  queue_receive(a[0], 0, 2 * HALF, MSG_WAITALL);
  send_half(a[1], 'A');
  while (ioctl(a[0], FIONREAD, &waiting) == 0 && waiting > 0)
    io_uring_submit_and_wait_timeout(&ring, &(struct io_uring_cqe *){ NULL }, 1,
                                     &(struct __kernel_timespec){ .tv_nsec = 1000000 }, NULL);
  collect(0, 0);

  /* B receives its bytes, whole. */
  queue_receive(b[0], 1, HALF, 0);
  send_half(b[1], 'B');
  collect(1, HALF);

  /* A's second half; where A's receive has ended with the first one, it asks again. */
  if (received[0] > 0)
    queue_receive(a[0], 0, HALF, 0);
  send_half(a[1], 'a');
  collect(0, 2 * HALF);

  corrupt = gone('A', "A's first half") | gone('B', "what B received") | gone('a', "A's second half");
  puts(corrupt ? "CORRUPT" : "clean");
  return corrupt;
}
