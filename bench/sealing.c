/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Envelopes of one size, sealed and then opened in place, each for some CPU time:
 *
 *   sealing BYTES MILLISECONDS
 *
 * Prints two numbers: envelopes sealed, and opened, per second of CPU time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "seal/seal.h"

static const struct seal_context context = {
	.direction = SEAL_MODULE,
	.worker = "5f0c0f2e-58b4-4d0e-9d2a-0c3c2e8b6a11",
	.boot = "0d4be0c7-3c5f-4c8c-8a4e-2f6b7f1f9a00",
	.subject = "93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476",
	.index = 1,
	.count = 20,
};

static void must(bool done, const struct error *err) {
	if (!done) {
		(void)fprintf(stderr, "sealing: %s\n", err->message);
		exit(1);
	}
}

static double cpu_ms(void) {
	struct timespec now;
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static struct seal_ring *create_ring(void) {
	struct error err;
	struct seal_ring *ring = seal_ring_create(NULL, &err);
	must(ring != NULL, &err);
	struct seal_key *key = seal_key_generate(&err);
	must(key != NULL && seal_ring_add(ring, key, &err), &err);
	seal_key_destroy(key);
	return ring;
}

/* The plaintext stands where it will be sealed, or the envelope where it will be opened. */
static void step(struct seal_ring *ring, uint8_t *block, size_t size, bool opening) {
	struct error err;
	uint8_t *inner = block + SEAL_HEADER_BYTES;
	if (opening) {
		struct bytes envelope = { block, size + SEAL_OVERHEAD_BYTES };
		must(seal_open_into(ring, &context, envelope, inner, &err), &err);
	} else {
		must(seal_box_into(ring, &context, (struct bytes){ inner, size }, block, &err),
				&err);
	}
}

/* A new envelope is made for each that is opened; the clock stands still meanwhile. */
static double measure(
		struct seal_ring *ring, uint8_t *block, size_t size, bool opening, double ms) {
	enum { WARM = 20 };
	double spent = 0;
	long count = -WARM;
	while (spent < ms) {
		if (opening) {
			step(ring, block, size, false);
		}
		double begin = cpu_ms();
		step(ring, block, size, opening);
		spent = count++ < 0 ? 0 : spent + cpu_ms() - begin;
	}
	return (double)count / spent * 1e3;
}

int main(int argc, char **argv) {
	struct error err;
	uint64_t size = 0, ms = 0;
	if (argc != 3 || !str_to_u64(argv[1], &size, &err) || !str_to_u64(argv[2], &ms, &err) ||
			size > SEAL_PLAIN_MAX) {
		(void)fputs("sealing BYTES MILLISECONDS\n", stderr);
		return 2;
	}
	struct seal_ring *ring = create_ring();
	uint8_t *block = mem_zero(size + SEAL_OVERHEAD_BYTES, 1);
	(void)printf("%.0f\n", measure(ring, block, size, false, (double)ms));
	(void)printf("%.0f\n", measure(ring, block, size, true, (double)ms));
	free(block);
	seal_ring_destroy(ring);
	return 0;
}
