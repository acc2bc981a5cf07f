// SPDX-License-Identifier: Apache-2.0
// Sleeps for as many seconds as its first argument says (60 without one). Something to stop.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(int argc, char **argv) {
	double seconds = argc > 1 ? atof(argv[1]) : 60;
	struct timespec pause = { .tv_sec = (time_t)seconds };
	pause.tv_nsec = (long)((seconds - (double)pause.tv_sec) * 1e9);
	nanosleep(&pause, NULL);
	printf("slept %g seconds\n", seconds);
	return 0;
}
