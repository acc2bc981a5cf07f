/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/guess.h"

#include <stdio.h>
#include <string.h>

size_t word_distance(const char *a, const char *b) {
	size_t size = strlen(b), row[64];
	if (size >= sizeof(row) / sizeof(row[0]) || strlen(a) > 60) {
		return 99;
	}
	for (size_t j = 0; j <= size; j++) {
		row[j] = j;
	}
	for (size_t i = 1; a[i - 1] != 0; i++) {
		size_t corner = row[0];
		row[0] = i;
		for (size_t j = 1; j <= size; j++) {
			size_t best = corner + (a[i - 1] != b[j - 1]);
			corner = row[j];
			best = row[j] + 1 < best ? row[j] + 1 : best;
			row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
		}
	}
	return row[size];
}

const char *nearest(const char *word, const char *const *words, size_t count, char text[80]) {
	size_t best = 3;
	text[0] = 0;
	for (size_t i = 0; i < count; i++) {
		size_t far = word_distance(word, words[i]);
		if (far < best) {
			best = far;
			(void)snprintf(text, 80, "; did you mean %.40s?", words[i]);
		}
	}
	return text;
}
