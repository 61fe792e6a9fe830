/* Two private networks joined by a link with a delay, for measuring what round trips cost.
 *
 *     delay_link MICROSECONDS      prints "CLIENT_PID SERVER_PID" and runs until it is stopped
 *
 *     nsenter -t CLIENT_PID -n COMMAND     runs in the network of 10.99.0.1
 *     nsenter -t SERVER_PID -n COMMAND     runs in the network of 10.99.0.2
 *
 * Both ends are the kernel's own TCP over a TUN device; this program reads the packets of one and writes them to the
 * other, each MICROSECONDS later.  The networks are namespaces without a way out, and are gone when it stops.
 * It needs root and /dev/net/tun, and says which one is missing.  Where a queue is full, packets are dropped.
 *
 *     cc -O2 -o delay_link delay_link.c
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { PACKETS = 1 << 16, LARGEST = 2048, AT_ONCE = 256 };

struct packet {
    uint64_t due; /* nanoseconds of the monotonic clock */
    int size;
    char *bytes;
};

struct queue {
    struct packet *packets;
    unsigned head, tail;
};

static int must(int result, const char *what) {
    if (result < 0) {
        perror(what);
        exit(1);
    }
    return result;
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Set the address of a network device, if one is given, and switch the device on. */
static void bring_up(const char *name, const char *address) {
    struct ifreq request;
    int any = must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
    if (address) {
        struct sockaddr_in *in = (struct sockaddr_in *)&request.ifr_addr;
        memset(&request, 0, sizeof request);
        strcpy(request.ifr_name, name);
        in->sin_family = AF_INET;
        inet_aton(address, &in->sin_addr);
        must(ioctl(any, SIOCSIFADDR, &request), "address");
        inet_aton("255.255.255.0", &in->sin_addr);
        must(ioctl(any, SIOCSIFNETMASK, &request), "netmask");
        request.ifr_qlen = 10000; /* the kernel's 500 packets are less than ten connections have under way */
        must(ioctl(any, SIOCSIFTXQLEN, &request), "queue length");
    }
    memset(&request, 0, sizeof request);
    strcpy(request.ifr_name, name);
    must(ioctl(any, SIOCGIFFLAGS, &request), "flags");
    request.ifr_flags |= IFF_UP | IFF_RUNNING;
    must(ioctl(any, SIOCSIFFLAGS, &request), "up");
    close(any);
}

/* A new network that has nothing but a loopback and a TUN device, whose packets are read from the result. */
static int new_network(const char *address) {
    struct ifreq request = {0};
    must(unshare(CLONE_NEWNET), "a network of its own (needs root)");
    int device = must(open("/dev/net/tun", O_RDWR | O_NONBLOCK), "/dev/net/tun");
    strcpy(request.ifr_name, "link0");
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    must(ioctl(device, TUNSETIFF, &request), "TUNSETIFF");
    bring_up("lo", NULL);
    bring_up("link0", address);
    return device;
}

/* A process that does nothing but keep the network it was born in. */
static pid_t keeper(void) {
    pid_t child = must(fork(), "fork");
    if (child)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        pause();
}

/* Write what is due; the result is when the next packet will be. */
static uint64_t deliver(struct queue *queue, int device, uint64_t time) {
    while (queue->head != queue->tail) {
        struct packet *packet = &queue->packets[queue->head % PACKETS];
        if (packet->due > time)
            return packet->due;
        if (write(device, packet->bytes, packet->size) < 0 && errno == EAGAIN)
            return time + 1000; /* the device is full: in a microsecond */
        free(packet->bytes);
        queue->head++;
    }
    return UINT64_MAX;
}

static void collect(struct queue *queue, int device, uint64_t due) {
    char bytes[LARGEST];
    for (int count = 0; count < AT_ONCE; count++) {
        int size = read(device, bytes, sizeof bytes);
        if (size <= 0)
            return;
        if (queue->tail - queue->head >= PACKETS)
            continue;
        struct packet *packet = &queue->packets[queue->tail++ % PACKETS];
        packet->due = due;
        packet->size = size;
        packet->bytes = memcpy(malloc(size), bytes, size);
    }
}

int main(int count, char **words) {
    if (count != 2) {
        fprintf(stderr, "usage: delay_link MICROSECONDS\n");
        return 2;
    }
    uint64_t delay = strtoull(words[1], NULL, 10) * 1000;
    int devices[2];
    pid_t keepers[2];
    devices[0] = new_network("10.99.0.1");
    keepers[0] = keeper();
    devices[1] = new_network("10.99.0.2");
    keepers[1] = keeper();
    printf("%d %d\n", keepers[0], keepers[1]);
    fflush(stdout);

    int timer = must(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), "timer");
    struct queue queues[2] = {{0}};
    for (int side = 0; side < 2; side++)
        queues[side].packets = calloc(PACKETS, sizeof(struct packet));
    for (;;) {
        uint64_t time = now(), next = UINT64_MAX, expired;
        for (int side = 0; side < 2; side++) {
            uint64_t due = deliver(&queues[side], devices[1 - side], time);
            next = due < next ? due : next;
        }
        struct itimerspec alarm = {0}; /* all zero: no alarm */
        if (next != UINT64_MAX) {
            alarm.it_value.tv_sec = next / 1000000000u;
            alarm.it_value.tv_nsec = next % 1000000000u;
        }
        timerfd_settime(timer, TFD_TIMER_ABSTIME, &alarm, NULL);
        struct pollfd watched[3] = {{devices[0], POLLIN, 0}, {devices[1], POLLIN, 0}, {timer, POLLIN, 0}};
        must(poll(watched, 3, -1), "poll");
        if (watched[2].revents && read(timer, &expired, sizeof expired) < 0 && errno != EAGAIN)
            perror("timer");
        time = now();
        for (int side = 0; side < 2; side++)
            if (watched[side].revents & POLLIN)
                collect(&queues[side], devices[side], time + delay);
    }
}
