/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One WebAssembly module out of an image in an OCI registry, piece by piece: whatever its size,
 * only a piece of it is in memory here. First image_resolve() says which image a name means now,
 * then, if it is not at hand already, image_read() gets the module. What take() gets is provisional
 * until image_read() has returned true: only then have size and digest been checked.
 *
 * All calls for one puller are made by one thread, but image_cancel() is for any, at any time.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/str.h"
#include "image/credentials.h"
#include "image/manifest.h"
#include "image/reference.h"

#define IMAGE_SIZE_MAX (UINT64_C(512) << 20)

struct image_options {
	const struct image_reference *reference; /* the three are borrowed */
	const struct credentials *credentials;   /* or NULL */
	const struct strings *plain; /* registries that are spoken to by http: HOST:PORT; or NULL */
	const char *ca;              /* authorities, as PEM, and no others; NULL: the system's */
	unsigned quiet_ms;           /* a registry that says nothing; 0: 30 s */
	uint64_t timeout_ms;         /* for all of it; 0: 600 s */
	uint64_t size_max;           /* of a module; 0: IMAGE_SIZE_MAX, which is the most */
};

struct image_found {
	char digest[IMAGE_DIGEST_SIZE]; /* of the manifest: the same one has the same module */
	uint64_t size; /* of the module; 0: it is in an archive, and only known at its end */
	char module[DIGEST_HEX_SIZE]; /* its digest, as it is promised: with a size */
};

struct image_module {
	char digest[DIGEST_HEX_SIZE]; /* of the module's bytes */
	uint64_t size;
	char *path; /* in the image's layers; NULL: the module is a layer. Freed by the caller */
};

struct image_puller;
struct image_puller *image_puller_create(
		const struct image_options *options, struct error *err) MUST_CHECK;
void image_puller_destroy(struct image_puller *puller); /* accepts NULL */
/*
 * ERROR_NOT_FOUND no such image, or none with WebAssembly in it; ERROR_INVALID several modules,
 * or what is no manifest; ERROR_DENIED; ERROR_INTEGRITY; ERROR_TOO_LARGE; ERROR_UNSUPPORTED;
 * ERROR_BUSY; ERROR_TIMEOUT; ERROR_UNAVAILABLE; ERROR_INTERRUPTED (image_cancel()).
 */
bool image_resolve(struct image_puller *puller, struct image_found *found,
		struct error *err) MUST_CHECK;
/* The same errors, ERROR_MODULE for what is no WebAssembly, and those of take(). */
bool image_read(struct image_puller *puller,
		bool (*take)(void *context, struct bytes piece, struct error *err), void *context,
		struct image_module *module, struct error *err) MUST_CHECK;
void image_cancel(struct image_puller *puller);
