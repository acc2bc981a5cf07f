/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Who may do what over REST: the tokens of MANAGER_TOKENS_FILE, each with a role. A line of it is
 *
 *     ROLE TOKEN                        viewer, operator or admin, and 1 to 512 characters
 *     ROLE sha256:64 HEXADECIMAL DIGITS   of the token
 *
 * Lines that are empty or begin with # say nothing. The file is for its owner only. In memory there
 * are digests alone. Safe from any thread.
 */
#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"

enum role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN };
enum { TOKENS_MAX = 10000, TOKENS_FILE_MAX = 1024 * 1024 };

struct tokens;
/* ERROR_INVALID with the line, but never with what stands in it. */
struct tokens *tokens_open(const char *path, struct error *err) MUST_CHECK;
void tokens_close(struct tokens *tokens); /* accepts NULL */
/* Reads the file again; when that fails everything stays as it was. */
bool tokens_reload(struct tokens *tokens, struct error *err) MUST_CHECK;
/* Of a rank: above that of an admin it is one, too. */
const char *tokens_role_name(int rank);
/* The highest role that the token has. Every digest is compared, each in constant time. */
enum role tokens_role(struct tokens *tokens, const char *token);
