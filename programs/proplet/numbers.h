/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The numbers of start commands that were seen: the highest, and a window of 65,536 below it. What
 * was seen once is never taken again, so an attempt starts at most once.
 */
#include <stdint.h>

enum { NUMBERS_WINDOW = 65536 };

struct numbers {
	uint64_t highest;
	uint64_t bits[NUMBERS_WINDOW /
			64]; /* bit n % NUMBERS_WINDOW of the numbers in the window */
};

enum number_verdict { NUMBER_NEW, NUMBER_SEEN, NUMBER_TOO_OLD };
/* Marks a new number as seen. */
enum number_verdict numbers_take(struct numbers *numbers, uint64_t number);
