/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The name of an image, as docker and its relatives write it:
 *
 *     [oci://][HOST[:PORT]/]REPOSITORY[:TAG][@sha256:DIGEST][#MEMBER]
 *
 * The first part is a host if it has a dot or a colon in it or is "localhost"; without one it is
 * docker.io, where a repository of one part lies below library/. Without a tag it is "latest"; a
 * digest wins over a tag. MEMBER is ours: where an image holds several WebAssembly modules it says
 * which one, by a layer's title or digest or by the path of a file in its layers.
 */
#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"

enum { IMAGE_REFERENCE_MAX = 1024 };

struct image_reference {
	char *host;       /* "docker.io", "localhost:5000", "[::1]:5000" */
	char *repository; /* "library/alpine" */
	char *tag;        /* "latest"; NULL if there is a digest */
	char *digest;     /* "sha256:" and 64 hex digits, or NULL */
	char *member;     /* or NULL */
};

/* ERROR_INVALID, saying which part is wrong. */
bool image_reference_parse(
		const char *text, struct image_reference *reference, struct error *err) MUST_CHECK;
void image_reference_finish(struct image_reference *reference); /* allowed twice */
/* Who answers for it: the host, but for docker.io. */
const char *image_reference_server(const struct image_reference *reference);
/* "sha256:" and 64 lower-case hex digits. */
bool image_digest_valid(const char *text);
