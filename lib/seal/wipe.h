/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A program that links wipe_dep has a free() and a realloc() that zero what they give back, for
 * everything in its process: our code, the engine, libraries, C's own. They begin with that when
 * they are told to, since it has its price. Not under a sanitizer, which brings its own.
 */
#include <stdbool.h>

void seal_wipe_begin(void); /* once, before there is anything secret */
/* Whether this program has them, and they were told to begin. */
bool seal_wipes(void);
