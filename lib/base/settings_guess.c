/* SPDX-License-Identifier: Apache-2.0 */
/* "did you mean": the name with the fewest letters to add, leave out or change (Levenshtein). */
#include <stdio.h>
#include <string.h>

#include "base/settings_parts.h"

static size_t smallest(size_t a, size_t b, size_t c) {
	size_t least = a < b ? a : b;
	return least < c ? least : c;
}

/* Both are shorter than SETTING_NAME_MAX. */
static size_t distance(const char *a, const char *b) {
	size_t row[SETTING_NAME_MAX];
	size_t length = strlen(b);
	for (size_t j = 0; j <= length; j++) {
		row[j] = j;
	}
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= length; j++) {
			size_t change = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			row[j] = smallest(row[j] + 1, row[j - 1] + 1, change);
		}
	}
	return row[length];
}

void setting_guess_begin(struct setting_guess *guess, const char *typed, size_t size) {
	*guess = (struct setting_guess){ .distance = 0 };
	if (size < sizeof(guess->typed)) {
		memcpy(guess->typed, typed, size);
		guess->distance = size / 3 + 1;
	}
}

void setting_guess_consider(struct setting_guess *guess, const char *prefix, const char *name) {
	char full[SETTING_NAME_MAX];
	size_t length = (size_t)snprintf(full, sizeof(full), "%s%s", prefix, name);
	if (length >= sizeof(full)) {
		return;
	}
	size_t steps = distance(guess->typed, full);
	if (steps < guess->distance) {
		guess->distance = steps;
		(void)snprintf(guess->best, sizeof(guess->best), "%s", full);
	}
}
