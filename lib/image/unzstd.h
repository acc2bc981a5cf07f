/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What was packed with zstd (RFC 8878), piece by piece. An archive says itself how much memory it
 * takes to unpack it (its window): more than UNZSTD_WINDOW_LOG_MAX is refused before it is taken.
 * One thread.
 */
#include <stdbool.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/error.h"

/* What zstd -19 and docker's, podman's and buildkit's own levels stay below. */
enum { UNZSTD_WINDOW_LOG_MAX = 25 };

struct unzstd;
struct unzstd *unzstd_create(struct error *err) MUST_CHECK;
void unzstd_destroy(struct unzstd *zstd); /* accepts NULL */
/*
 * Unpacks from the beginning of *packed, takes from it what was read, and gives what came of it,
 * valid until the next call; of size 0 when it needs more. An empty *packed is the end:
 * ERROR_INVALID if it comes too early, as for what is no zstd. ERROR_TOO_LARGE for the window.
 */
bool unzstd_read(struct unzstd *zstd, struct bytes *packed, struct bytes *piece,
		struct error *err) MUST_CHECK;
