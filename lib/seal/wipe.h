/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A program that links wipe_dep has a free() and a realloc() that zero what they give back, for
 * everything in its process: our code, the engine, libraries, C's own. Not under a sanitizer,
 * which brings its own.
 */
#include <stdbool.h>

/* Whether this program has them. */
bool seal_wipes(void);
