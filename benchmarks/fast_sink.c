/* A mail server that takes everything and keeps nothing, so fast that a benchmark shows the client's limit and not the server's.

   One thread, one epoll loop; PIPELINING, CHUNKING, 8BITMIME, SIZE.

       cc -O2 -o fast_sink fast_sink.c
       fast_sink [-p PORT] [-a] [-n] [-b] [-r FILE]     -a: on all addresses, not this machine's own alone
                                                        -n: without PIPELINING  -b: without CHUNKING
                                                        -r: append the recipient of every message taken to FILE

   Prints its port, and at SIGUSR1, SIGTERM or SIGINT how many messages, bytes and connections it has had.  Linux.
   It trusts its clients to write SMTP as they should: it is no server for anything but measuring. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { BUFFER = 1 << 18, REPLIES = 1 << 16, ADDRESS = 512 };
enum state { COMMAND, DATA, CHUNK };

struct client {
  int fd;
  enum state state;
  int has_recipient, is_last, is_closing, is_blocked;
  size_t left;           /* of a chunk */
  size_t heard, said;    /* bytes in the buffers */
  char recipient[ADDRESS];
  char in[BUFFER], out[REPLIES];
};

static int pipelining = 1, chunking = 1;
static unsigned long messages, bytes, connections;
static FILE *record;
static volatile sig_atomic_t stopping, asked;

static void stop(int signal) { (void)signal; stopping = 1; }
static void ask(int signal) { (void)signal; asked = 1; }
static void count_out(void) { printf("%lu %lu %lu\n", messages, bytes, connections); fflush(stdout); }

static void say(struct client *c, const char *reply) {
  size_t length = strlen(reply);
  if (c->said + length <= REPLIES) { memcpy(c->out + c->said, reply, length); c->said += length; }
  else c->is_closing = 1;
}

/* Where CR LF . CR LF begins, or -1. */
static long find_dot(const char *text, size_t length) {
  size_t i = 0;
#ifdef __SSE2__
  const __m128i lf = _mm_set1_epi8('\n'), dot = _mm_set1_epi8('.');
  for (; i + 20 <= length; i += 16) {
    __m128i second = _mm_loadu_si128((const __m128i *)(text + i + 1));
    __m128i third = _mm_loadu_si128((const __m128i *)(text + i + 2));
    unsigned mask = _mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(second, lf), _mm_cmpeq_epi8(third, dot)));
    for (; mask; mask &= mask - 1) {
      size_t at = i + (size_t)__builtin_ctz(mask);
      if (!memcmp(text + at, "\r\n.\r\n", 5)) return (long)at;
    }
  }
#endif
  const char *found = length - i < 5 ? NULL : memmem(text + i, length - i, "\r\n.\r\n", 5);
  return found ? found - text : -1;
}

static void take(struct client *c) {
  messages++;
  if (record) fprintf(record, "%s\n", c->recipient);
  c->has_recipient = 0;
  say(c, "250 2.0.0 Ok\r\n");
}

static void obey(struct client *c, const char *line, size_t length) {
  if (!strncasecmp(line, "RCPT", 4)) {
    const char *from = memchr(line, '<', length), *to = memchr(line, '>', length);
    if (from && to && to > from && to - from - 1 < ADDRESS) {
      memcpy(c->recipient, from + 1, (size_t)(to - from - 1));
      c->recipient[to - from - 1] = 0;
    }
    c->has_recipient = 1;
    say(c, "250 2.1.5 Ok\r\n");
  } else if (!strncasecmp(line, "MAIL", 4)) {
    c->has_recipient = 0;
    say(c, "250 2.1.0 Ok\r\n");
  } else if (!strncasecmp(line, "BDAT", 4)) {
    c->left = strtoul(line + 4, NULL, 10);
    c->is_last = memmem(line, length, "LAST", 4) != NULL;
    c->state = CHUNK;
  } else if (!strncasecmp(line, "DATA", 4)) {
    if (c->has_recipient) { say(c, "354 go on\r\n"); c->state = DATA; }
    else say(c, "554 5.5.1 no valid recipients\r\n");
  } else if (!strncasecmp(line, "EHLO", 4)) {
    c->has_recipient = 0;
    say(c, "250-fast-sink\r\n250-8BITMIME\r\n");
    if (pipelining) say(c, "250-PIPELINING\r\n");
    if (chunking) say(c, "250-CHUNKING\r\n");
    say(c, "250-ENHANCEDSTATUSCODES\r\n250 SIZE 52428800\r\n");
  } else if (!strncasecmp(line, "QUIT", 4)) {
    say(c, "221 2.0.0 Bye\r\n");
    c->is_closing = 1;
  } else if (!strncasecmp(line, "RSET", 4) || !strncasecmp(line, "NOOP", 4) || !strncasecmp(line, "HELO", 4)) {
    c->has_recipient = 0;
    say(c, "250 2.0.0 Ok\r\n");
  } else {
    say(c, "500 5.5.2 what?\r\n");
  }
}

static void hear(struct client *c) {
  size_t done = 0;
  while (!c->is_closing) {
    char *text = c->in + done;
    size_t length = c->heard - done;
    if (c->state == COMMAND) {
      char *end = memchr(text, '\n', length);
      if (!end) break;
      done += (size_t)(end - text) + 1;
      obey(c, text, (size_t)(end - text));
    } else if (c->state == DATA) {
      long end = find_dot(text, length);
      if (end < 0) {
        if (length > 4) { bytes += length - 4; done += length - 4; } /* a dot may be cut in two */
        break;
      }
      bytes += (size_t)end + 5;
      done += (size_t)end + 5;
      c->state = COMMAND;
      take(c);
    } else {
      size_t taken = length < c->left ? length : c->left;
      bytes += taken;
      done += taken;
      c->left -= taken;
      if (c->left) break;
      c->state = COMMAND;
      if (!c->has_recipient) say(c, "503 5.5.1 no valid recipients\r\n");
      else if (c->is_last) take(c);
      else say(c, "250 2.0.0 Ok\r\n");
    }
  }
  memmove(c->in, c->in + done, c->heard - done);
  c->heard -= done;
}

/* 0: all is written, 1: some is left, -1: the client is gone. */
static int reply(struct client *c) {
  while (c->said) {
    ssize_t n = send(c->fd, c->out, c->said, MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN ? 1 : -1;
    memmove(c->out, c->out + n, c->said - (size_t)n);
    c->said -= (size_t)n;
  }
  return 0;
}

static void serve(int loop, struct client *c) {
  int is_gone = 0;
  while (!c->is_closing && c->said < REPLIES / 2) {
    size_t room = BUFFER - c->heard;
    ssize_t n = recv(c->fd, c->in + c->heard, room, 0);
    if (n <= 0) { is_gone = n == 0 || errno != EAGAIN; break; }
    c->heard += (size_t)n;
    hear(c);
    if (c->heard == BUFFER) is_gone = 1; /* a line without an end */
    if (is_gone || (size_t)n < room) break;
  }
  int left = is_gone ? -1 : reply(c);
  if (left < 0 || (c->is_closing && !left)) { close(c->fd); free(c); return; }
  if (left != c->is_blocked) {
    struct epoll_event event = {.events = EPOLLIN | (left ? EPOLLOUT : 0), .data.ptr = c};
    c->is_blocked = left;
    epoll_ctl(loop, EPOLL_CTL_MOD, c->fd, &event);
  }
}

int main(int count, char **words) {
  int port = 0, everywhere = 0, option, one = 1;
  while ((option = getopt(count, words, "p:anbr:")) != -1) switch (option) {
      case 'p': port = atoi(optarg); break;
      case 'a': everywhere = 1; break;
      case 'n': pipelining = 0; break;
      case 'b': chunking = 0; break;
      case 'r': record = fopen(optarg, "a"); if (!record) { perror(optarg); return 2; } break;
      default: fprintf(stderr, "usage: fast_sink [-p PORT] [-a] [-n] [-b] [-r FILE]\n"); return 2;
    }
  struct sigaction action = {.sa_handler = stop};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  action.sa_handler = ask;
  sigaction(SIGUSR1, &action, NULL);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  socklen_t size = sizeof address;
  address.sin_addr.s_addr = htonl(everywhere ? INADDR_ANY : INADDR_LOOPBACK);
  if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1024)) { perror("fast_sink"); return 2; }
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);

  int loop = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[256];
  epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event);
  while (!stopping) {
    int ready = epoll_wait(loop, events, 256, 500);
    if (record && ready == 0) fflush(record);
    if (asked) { asked = 0; count_out(); }
    for (int i = 0; i < ready; i++) {
      if (events[i].data.ptr) { serve(loop, events[i].data.ptr); continue; }
      int fd;
      while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct client *c = calloc(1, sizeof *c);
        if (!c) { close(fd); continue; }
        c->fd = fd;
        connections++;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        say(c, "220 fast-sink ESMTP\r\n");
        struct epoll_event client = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(loop, EPOLL_CTL_ADD, fd, &client);
        serve(loop, c);
      }
    }
  }
  if (record) fclose(record);
  count_out();
  return 0;
}
