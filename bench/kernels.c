/* SPDX-License-Identifier: Apache-2.0 */
/* What bench/gas.c runs, natively and as WebAssembly: the same C, with no library. */
#include <stdint.h>

#ifdef __wasm__
#define KERNEL(name) __attribute__((export_name(#name))) int32_t name(int32_t n)
#else
#define KERNEL(name) int32_t name(int32_t n)
#endif

KERNEL(fib);
KERNEL(shift);
KERNEL(sieve);
KERNEL(sort);
KERNEL(fill);

/* Calls. */
KERNEL(fib) {
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

/* A loop of arithmetic: Marsaglia's xorshift. */
KERNEL(shift) {
	uint64_t x = 88172645463325252;
	for (int32_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	return (int32_t)x;
}

/* Short loops over memory. */
enum { SIEVE_MOST = 1 << 22 };
static uint8_t composite[SIEVE_MOST];
KERNEL(sieve) {
	int32_t primes = 0;
	for (int32_t i = 0; i < n; i++) {
		composite[i] = 0;
	}
	for (int32_t i = 2; i < n; i++) {
		if (composite[i]) {
			continue;
		}
		primes++;
		for (int64_t j = (int64_t)i * i; j < n; j += i) {
			composite[j] = 1;
		}
	}
	return primes;
}

/* Branches that nobody foresees: Hoare's quicksort. */
enum { SORT_MOST = 1 << 20 };
static int32_t items[SORT_MOST];

static void sort_part(int32_t low, int32_t high) {
	while (low < high) {
		int32_t pivot = items[(low + high) / 2], i = low, j = high;
		while (i <= j) {
			for (; items[i] < pivot; i++) {
			}
			for (; items[j] > pivot; j--) {
			}
			if (i <= j) {
				int32_t item = items[i];
				items[i++] = items[j];
				items[j--] = item;
			}
		}
		sort_part(low, j);
		low = i;
	}
}

KERNEL(sort) {
	uint32_t x = 1;
	for (int32_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		items[i] = (int32_t)x;
	}
	sort_part(0, n - 1);
	return items[n / 2];
}

/* Memory as a whole: bulk operators. */
KERNEL(fill) {
	for (int32_t i = 0; i < n; i++) {
		__builtin_memset(composite, i, SIEVE_MOST);
		__builtin_memcpy(composite, items, sizeof(items) / 2);
	}
	return composite[n] + composite[SIEVE_MOST - 1];
}
