// SPDX-License-Identifier: Apache-2.0
// A machine that does other work (see tests/late.py): LD_PRELOAD. One call in LATE_ONE_IN that
// sends, syncs or has waited for something comes up to LATE_MS milliseconds late.
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static unsigned one_in = 20, most_ms = 100;

static unsigned number_or(const char *name, unsigned otherwise) {
	const char *text = getenv(name);
	unsigned long number = text ? strtoul(text, NULL, 10) : 0;
	return number > 0 && number < 1000 ? (unsigned)number : otherwise;
}

__attribute__((constructor)) static void begin(void) {
	one_in = number_or("LATE_ONE_IN", one_in);
	most_ms = number_or("LATE_MS", most_ms);
}

static void come_late(void) {
	static _Thread_local unsigned seed;
	if (seed == 0) {
		struct timespec now;
		clock_gettime(CLOCK_MONOTONIC, &now);
		seed = (unsigned)now.tv_nsec ^ (unsigned)getpid();
	}
	if ((unsigned)rand_r(&seed) % one_in != 0) {
		return;
	}
	int error = errno;
	nanosleep(&(struct timespec){ .tv_nsec = (long)((unsigned)rand_r(&seed) % most_ms) *
						 1000000 },
			NULL);
	errno = error;
}

/* The next function of this name: the C library's own. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t send(int fd, const void *data, size_t len, int flags) {
	come_late();
	return REAL(send)(fd, data, len, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
	come_late();
	return REAL(sendmsg)(fd, message, flags);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
	come_late();
	return REAL(writev)(fd, parts, count);
}

int fdatasync(int fd) {
	come_late();
	return REAL(fdatasync)(fd);
}

int epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms) {
	int count = REAL(epoll_wait)(fd, events, max, timeout_ms);
	if (count > 0) {
		come_late();
	}
	return count;
}

int poll(struct pollfd *fds, nfds_t count, int timeout_ms) {
	int ready = REAL(poll)(fds, count, timeout_ms);
	if (ready > 0) {
		come_late();
	}
	return ready;
}
