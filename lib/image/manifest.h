/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What an image consists of: OCI image manifests and indexes, and docker's counterparts (schema
 * 2). Their bytes come from a registry and are not trusted: every member is checked and bounded.
 * Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/error.h"

enum { IMAGE_DIGEST_SIZE = 72, MANIFEST_ITEMS_MAX = 256, MANIFEST_TEXT_MAX = 255 };

enum layer_kind {
	LAYER_OTHER,
	LAYER_WASM,      /* the bytes are the module */
	LAYER_TAR,       /* files, perhaps with a module among them; gzip, zstd or neither */
	LAYER_ENCRYPTED, /* one of the two, encrypted (ocicrypt) */
};

struct descriptor {
	char *media_type;
	char digest[IMAGE_DIGEST_SIZE]; /* "sha256:..." */
	uint64_t size;
	char *title;                 /* org.opencontainers.image.title, or NULL */
	char *architecture, *system; /* of an index's entry, or NULL */
	bool attestation;            /* of an index's entry: about another one, nothing to run */
	enum layer_kind kind;
};

struct manifest {
	bool index;               /* items are manifests; else layers, the lowest first */
	struct descriptor config; /* media_type NULL: none */
	struct descriptor *items;
	size_t count;
};

/* What to ask a registry for: the value of Accept. */
extern const char manifest_accept[];

/* ERROR_INVALID, ERROR_UNSUPPORTED (docker's schema 1, other things). */
bool manifest_parse(struct manifest *manifest, struct bytes text, struct error *err) MUST_CHECK;
void manifest_finish(struct manifest *manifest);
enum layer_kind manifest_layer_kind(const char *media_type);
/*
 * Of an index: the entry for wasm/wasip1, then any other of wasm, then the only one there is. NULL
 * with ERROR_NOT_FOUND that lists what there is.
 */
const struct descriptor *manifest_platform(const struct manifest *index, struct error *err);
/*
 * Of the layers the module itself: the one that `member` (NULL: none) names by title or digest, or
 * the only one. *layer is NULL when it is to be looked for in tar layers. ERROR_INVALID if there
 * are several and none is named, ERROR_UNSUPPORTED if it is encrypted, ERROR_NOT_FOUND if there is
 * neither a module nor a tar layer; each lists what there is.
 */
bool manifest_layer(const struct manifest *manifest, const char *member,
		const struct descriptor **layer, struct error *err) MUST_CHECK;
/* What a config of an image runs: a path that ends in ".wasm", from the root and without "/" in
 * front, or NULL. Freed by the caller. */
char *manifest_entrypoint(struct bytes config) MUST_CHECK;
/* A path of a tar archive without what does not change its meaning ("./", "/" in front, "//"); NULL
 * if it has ".." in it or is empty. Freed by the caller. */
char *manifest_path(const char *path) MUST_CHECK;
