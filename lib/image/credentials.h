/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Who we are at which registry: what the operator has set, and what `docker login` has left in
 * docker's config.json ("auths"; podman's auth.json has the same form). A credential belongs to
 * one registry and is given to no other. The secrets are wiped when they are freed; nothing here
 * writes them anywhere.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/error.h"

struct credential {
	char *registry;            /* "ghcr.io", "localhost:5000", "ghcr.io/team" */
	char *username, *password; /* both or none */
	char *token;               /* a bearer token for the registry itself, or NULL */
};

struct credentials { /* {0} is none */
	struct credential *items;
	size_t count;
};

/* Copies. `registry` may be an address ("https://index.docker.io/v1/"): its host counts. */
void credentials_add(struct credentials *list, const struct credential *one);
/* Adds what a config.json holds. A file that others may read is refused; so is one that only names
 * a helper program for every registry: then there is nothing in it. */
bool credentials_read(struct credentials *list, const char *path, struct error *err) MUST_CHECK;
bool credentials_parse(struct credentials *list, struct bytes text, struct error *err) MUST_CHECK;
/* The one for this repository, that with the longest name first; NULL if there is none. */
const struct credential *credentials_for(
		const struct credentials *list, const char *host, const char *repository);
/* "Basic ..." for a header; freed with secret_wipe(). */
char *credential_basic(const struct credential *one) MUST_CHECK;
void credentials_finish(struct credentials *list);
