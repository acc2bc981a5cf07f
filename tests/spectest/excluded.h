/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What of the suite does not pass, from a file: "FILE:LINE WHO REASON" in each line, WHO being
 * "all", "plain", "metered" or an engine's name; "#" begins a comment.
 */
#include "world.h"

struct excluded;
struct excluded *excluded_read(const char *path, struct error *err) MUST_CHECK;
void excluded_destroy(struct excluded *excluded);
/* True if this failure is expected; it is remembered that it happened. */
bool excluded_take(
		struct excluded *excluded, const char *file, int line, const struct setup *setup);
/* Prints the entries that are too many: never used, or not by all that they are for. */
size_t excluded_rest(const struct excluded *excluded);
