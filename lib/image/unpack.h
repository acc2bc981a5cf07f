/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The WebAssembly module in a layer that is a tar archive, packed with gzip, zstd or not at all,
 * while the layer comes in. Nothing is written anywhere; only regular files are looked at: links,
 * devices and paths with ".." are not. What unpacks to too much is an error before it is in memory.
 * A layer that is no archive but a module itself (mislabelled; some tools do) is taken as it is.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/error.h"

/* Where the layer's bytes come from; a piece stays valid until the next call; of size 0 at the end.
 */
struct unpack_source {
	bool (*read)(void *context, struct bytes *piece, struct error *err);
	void *context;
};

struct unpack_options {
	const char *path; /* of the file (manifest_path()); NULL: the only one that ends in .wasm */
	uint64_t size_max; /* bytes of a module; twice as much may be unpacked to find it */
	bool (*take)(void *context, struct bytes piece, struct error *err);
	void *context;
};

struct unpack_result {
	char *path;    /* of what was taken, or NULL: there is none; "" for a layer that is one */
	uint64_t size; /* of it */
	bool removed;  /* the layer removes the file that was looked for (a whiteout) */
};

/*
 * Reads the source to its end, whatever is in it. ERROR_INVALID for a bad archive, several modules
 * (named), or a link in place of the file; ERROR_TOO_LARGE; and the source's and take()'s errors.
 */
bool unpack_module(const struct unpack_source *source, const struct unpack_options *options,
		struct unpack_result *result, struct error *err) MUST_CHECK;
void unpack_finish(struct unpack_result *result);
