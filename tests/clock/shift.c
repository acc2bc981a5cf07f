// SPDX-License-Identifier: Apache-2.0
// A wall clock that can be moved while programs run: LD_PRELOAD, with SHIFT_FILE naming a file of
// eight bytes, the seconds that are added to it. The monotonic clock stays what it is, as with a
// clock that somebody sets.
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static const int64_t *shift;
static int (*real_gettime)(clockid_t clock, struct timespec *time);

__attribute__((constructor)) static void begin(void) {
	int fd = open(getenv("SHIFT_FILE"), O_RDONLY | O_CLOEXEC);
	void *map = mmap(NULL, sizeof(*shift), PROT_READ, MAP_SHARED, fd, 0);
	shift = map != MAP_FAILED ? map : NULL;
	real_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
}

static int64_t seconds(void) {
	return shift != NULL ? __atomic_load_n(shift, __ATOMIC_RELAXED) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
	if (real_gettime == NULL) {
		begin(); /* a library's constructor that comes before ours */
	}
	int rc = real_gettime(clock, time);
	if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
		time->tv_sec += seconds();
	}
	return rc;
}

time_t time(time_t *out) {
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (out != NULL) {
		*out = now.tv_sec;
	}
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
	struct timespec now;
	(void)zone;
	int rc = clock_gettime(CLOCK_REALTIME, &now);
	out->tv_sec = now.tv_sec;
	out->tv_usec = now.tv_nsec / 1000;
	return rc;
}
