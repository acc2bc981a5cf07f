// SPDX-License-Identifier: Apache-2.0
// Prints primes for ever, one in a line: something that runs as a daemon until it is stopped.
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

static bool is_prime(unsigned long long number) {
	for (unsigned long long i = 3; i * i <= number; i += 2) {
		if (number % i == 0) {
			return false;
		}
	}
	return number % 2 != 0 || number == 2;
}

int main(void) {
	const struct timespec pause = { .tv_nsec = 10000000 };
	for (unsigned long long number = 2;; number++) {
		if (is_prime(number)) {
			printf("%llu\n", number);
			fflush(stdout);
			nanosleep(&pause, NULL);
		}
	}
}
