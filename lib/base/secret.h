/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Files that hold secrets: read straight into the memory that is wiped in the end. No buffer that
 * grows and leaves copies behind, no message that quotes them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/error.h"

/* A file's content, as long as there is one. */
struct secret_content {
	char *bytes; /* a zero byte stands behind */
	size_t size;
	unsigned mode; /* who may do what: 0644; of a credential of the service manager's,
			* systemd.exec(5), only its owner's part: nobody else sees its folder */
	uid_t owner;
	bool missing; /* it failed because nothing has this name */
};

/* Reads a regular file, whoever may read it; `what` ("settings file") is for messages. */
bool secret_read_content(const char *path, const char *what, size_t max,
		struct secret_content *content, struct error *err) MUST_CHECK;
void secret_wipe_content(struct secret_content *content);

/*
 * The text of a file without one trailing newline; the caller's, for secret_wipe(). ERROR_INVALID
 * for a file that cannot be read, that others than its owner may use, that is empty (for that
 * would switch off what the secret is there to protect) or no text.
 */
char *secret_read(const char *path, struct error *err) MUST_CHECK;
/* Overwrites and frees what *secret points to, which may be NULL; for CLEANUP as well. */
void secret_wipe(char **secret);
