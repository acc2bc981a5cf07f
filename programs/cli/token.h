/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The token that goes with every call, and who may have its file: ssh's rule for keys. A file of
 * ours is for nobody else (mode 0600). One of root's is as the administrator wants it, who lets us
 * read it as one of a group or in a container, but nobody else may write it. One of anybody else's
 * is refused. Pipes, as of --token-file <(pass factory), have no owner to ask.
 */
#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"

/* Where a program's token is told: its own variables, and a file that is kept for it, or NULL. */
struct token_place {
	const char *variable, *file_variable, *kept_file;
};

/*
 * The token: the first line of the file that a flag names (NULL: none does), else what one variable
 * has, else a file's by the other one, else the kept one's. *token is the caller's, for
 * secret_wipe(); NULL: there is none. ERROR_NOT_FOUND without such a file, ERROR_INVALID for one
 * that others may use, or whose first line is empty.
 */
bool token_find(const char *flag, const struct token_place *place, char **token,
		struct error *err) MUST_CHECK;
