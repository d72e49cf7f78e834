// Joins network namespaces on one machine and gives each its own delay and rate, where the kernel has no netem: a learning
// switch between TAP devices. What a host sends waits for its turn at the host's rate, then for the host's delay.
// Usage: switch tap:delay_ms:rate_kbit ...   (a rate of 0 is unlimited). Prints "ready".
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PORTS = 16, QUEUE = 16384, MAX_FRAME = 65600, BURST = 64 };
static const double QUEUE_BYTES = 512 * 1024;

typedef struct { uint64_t due_ns; int length; unsigned char *bytes; } packet;
typedef struct {
  int fd;
  double delay_ns, rate_bps;
  uint64_t line_free_ns;
  packet queue[QUEUE];
  uint32_t head, tail;
  unsigned char mac[6];
} port;

static port ports[MAX_PORTS];
static int port_count;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void open_port(const char *spec) {
  port *p = &ports[port_count++];
  char name[IFNAMSIZ] = {0};
  double delay_ms, rate_kbit;
  if (sscanf(spec, "%15[^:]:%lf:%lf", name, &delay_ms, &rate_kbit) != 3) exit(2);
  p->delay_ns = delay_ms * 1e6;
  p->rate_bps = rate_kbit * 1e3;
  p->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  struct ifreq request = {0};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  memcpy(request.ifr_name, name, IFNAMSIZ);
  if (ioctl(p->fd, TUNSETIFF, &request)) { perror(name); exit(1); }
}

// A frame goes to the port that owns its address, or to all others while nobody is known to.
static void deliver(int from, const packet *k) {
  int known = -1;
  for (int i = 0; i < port_count; i++) if (!memcmp(ports[i].mac, k->bytes, 6)) known = i;
  for (int i = 0; i < port_count; i++) {
    if (i != from && (known < 0 || known == i)) (void)!write(ports[i].fd, k->bytes, k->length);
  }
}

static void accept_frame(port *p, const unsigned char *bytes, int length) {
  memcpy(p->mac, bytes + 6, 6);
  uint64_t t = now_ns(), leaves = t;
  if (p->tail - p->head >= QUEUE - 1) return;
  if (p->rate_bps > 0) {
    uint64_t starts = p->line_free_ns > t ? p->line_free_ns : t;
    if ((starts - t) * p->rate_bps / 8e9 > QUEUE_BYTES) return;
    leaves = p->line_free_ns = starts + (uint64_t)(length * 8e9 / p->rate_bps);
  }
  packet *k = &p->queue[p->tail++ % QUEUE];
  k->due_ns = leaves + (uint64_t)p->delay_ns;
  k->length = length;
  k->bytes = malloc(length);
  memcpy(k->bytes, bytes, length);
}

// Sends what is due; returns when the next frame will be, 0 for none.
static uint64_t send_due(void) {
  uint64_t t = now_ns(), next = 0;
  for (int i = 0; i < port_count; i++) {
    port *p = &ports[i];
    for (; p->head != p->tail && p->queue[p->head % QUEUE].due_ns <= t; p->head++) {
      packet *k = &p->queue[p->head % QUEUE];
      deliver(i, k);
      free(k->bytes);
    }
    if (p->head == p->tail) continue;
    uint64_t due = p->queue[p->head % QUEUE].due_ns;
    if (!next || due < next) next = due;
  }
  return next;
}

int main(int argc, char **argv) {
  static unsigned char frame[MAX_FRAME];
  for (int i = 1; i < argc; i++) open_port(argv[i]);
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct pollfd fds[MAX_PORTS + 1];
  for (int i = 0; i < port_count; i++) fds[i] = (struct pollfd){ports[i].fd, POLLIN, 0};
  fds[port_count] = (struct pollfd){timer, POLLIN, 0};
  puts("ready");
  fflush(stdout);
  for (;;) {
    uint64_t next = send_due(), expirations;
    struct itimerspec wake = {0};
    wake.it_value.tv_sec = next / 1000000000ull;
    wake.it_value.tv_nsec = next % 1000000000ull;
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &wake, 0);
    poll(fds, port_count + 1, -1);
    (void)!read(timer, &expirations, sizeof expirations);
    for (int i = 0; i < port_count; i++) {
      for (int n, taken = 0; taken < BURST && (n = read(ports[i].fd, frame, MAX_FRAME)) > 0; taken++) {
        accept_frame(&ports[i], frame, n);
      }
    }
  }
}
