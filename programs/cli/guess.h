/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What somebody may have meant who wrote a word that is not there. */
#include <stddef.h>

/* How many letters have to be changed, added or left out (Levenshtein); 99 for long words. */
size_t word_distance(const char *a, const char *b);
/* The nearest of the words, if it is near: "; did you mean X?", else "". */
const char *nearest(const char *word, const char *const *words, size_t count, char text[80]);
