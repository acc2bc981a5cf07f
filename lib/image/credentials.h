/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Who we are at which registry: what the operator has set, and what `docker login` has left in
 * docker's config.json ("auths"; podman's auth.json has the same form), or which helper program
 * knows it ("credHelpers" for one registry, "credsStore" for all that have nothing else:
 * credential_program.h). A credential belongs to one registry and is given to no other. The secrets
 * are wiped when they are freed; nothing here writes them anywhere.
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
	char *program;             /* which helper to ask for name and password, or NULL */
};

struct credentials { /* {0} is none */
	struct credential *items;
	size_t count;
	struct credential store; /* for every registry that has none of these; program NULL: none */
};

/* Copies. `registry` may be an address ("https://index.docker.io/v1/"): its host counts. */
void credentials_add(struct credentials *list, const struct credential *one);
/* Adds what a config.json holds. A file that others may read is refused; so are helper programs
 * whose names are more than a name. */
bool credentials_read(struct credentials *list, const char *path, struct error *err) MUST_CHECK;
bool credentials_parse(struct credentials *list, struct bytes text, struct error *err) MUST_CHECK;
/* The one for this repository, that with the longest name first; NULL if there is none. */
const struct credential *credentials_for(
		const struct credentials *list, const char *host, const char *repository);
/* "Basic ..." for a header; freed with secret_wipe(). */
char *credential_basic(const struct credential *one) MUST_CHECK;
void credentials_finish(struct credentials *list);
