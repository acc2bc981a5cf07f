/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/numbers.h"

#include <string.h>

static uint64_t *word_of(struct numbers *numbers, uint64_t number) {
	return &numbers->bits[number % NUMBERS_WINDOW / 64];
}

static uint64_t bit_of(uint64_t number) {
	return UINT64_C(1) << number % 64;
}

/* Moves the window up; what it leaves behind is forgotten, what it enters was not seen yet. */
static void slide(struct numbers *numbers, uint64_t to) {
	if (to - numbers->highest >= NUMBERS_WINDOW) {
		memset(numbers->bits, 0, sizeof(numbers->bits));
	} else {
		for (uint64_t n = numbers->highest + 1; n <= to; n++) {
			*word_of(numbers, n) &= ~bit_of(n);
		}
	}
	numbers->highest = to;
}

enum number_verdict numbers_take(struct numbers *numbers, uint64_t number) {
	if (number > numbers->highest) {
		slide(numbers, number);
	} else if (numbers->highest - number >= NUMBERS_WINDOW) {
		return NUMBER_TOO_OLD;
	} else if ((*word_of(numbers, number) & bit_of(number)) != 0) {
		return NUMBER_SEEN;
	}
	*word_of(numbers, number) |= bit_of(number);
	return NUMBER_NEW;
}
