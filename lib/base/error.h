/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Errors: what went wrong, said once, where it went wrong.
 *
 * A function that can fail returns bool (or a pointer) and takes the caller's `struct error *`
 * last. It sets the error exactly when it fails. A message says what happened, to what, and what
 * to do; it never holds a secret. It is well-formed UTF-8 without control characters other than
 * newline and tab: what is not becomes '?'. Codes live in spec/errors.def, which also decides
 * HTTP status, gRPC status and exit code. Safe from any thread: an error lives on its caller's
 * stack.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

enum error_code {
	ERROR_NONE,
#define ERROR(name, slug, http, grpc, exit, title) ERROR_##name,
#include "spec/errors.def"
#undef ERROR
};

enum { ERROR_MESSAGE_MAX = 1024, ERROR_PLACE_MAX = 256 };

/* What of a request an error is about. */
enum error_part {
	ERROR_ANYWHERE,
	ERROR_IN_BODY,
	ERROR_IN_QUERY,
	ERROR_IN_HEADER,
	ERROR_IN_PART /* of a form, or a body that is no JSON */
};

struct error {
	enum error_code code;
	const char *origin; /* "file.c:42", for logs, never for users */
	char message[ERROR_MESSAGE_MAX];
	enum error_part part;
	/* In the body the JSON pointer (RFC 6901) of what is at fault, "/limits/gas"; else the name
	 * of the query parameter, header or part. */
	char place[ERROR_PLACE_MAX];
};

/* Fills *err and returns false, so that `return error_set(...)` reads well. */
#define error_set(err, code, ...) error_set_at(err, code, ERROR_HERE, __VA_ARGS__)
/* The same, with ": " and the text of an errno value at the end; ENOSPC becomes NO_SPACE. */
#define error_errno(err, number, ...) error_errno_at(err, number, ERROR_HERE, __VA_ARGS__)
/* Puts "doing this: " in front of the message of a failed call; returns false. */
bool error_wrap(struct error *err, const char *format, ...) PRINTF(2, 3);

/* The failed check was of this member of the body, or this item of a list in it; each level of the
 * way out says its own, which comes before what is inside. Names may be anything; what does not
 * fit leaves the place of what is around it. Both return false. */
bool error_in(struct error *err, const char *member);
bool error_in_item(struct error *err, size_t index);
/* It was of this query parameter, header or part; returns false. */
bool error_of(struct error *err, enum error_part part, const char *name);

int error_http_status(enum error_code code);
int error_grpc_status(enum error_code code); /* enum rpc_status */
int error_exit_code(enum error_code code);
/* "the request is not valid": one fixed sentence per code. */
const char *error_title(enum error_code code);
/* "not-found": the last part of the problem type (RFC 9457), stable. */
const char *error_slug(enum error_code code);
/* The code that a slug names, ERROR_INTERNAL if none does. */
enum error_code error_from_slug(const char *slug);

#define ERROR_STR_(x) #x
#define ERROR_STR(x) ERROR_STR_(x)
#define ERROR_HERE __FILE__ ":" ERROR_STR(__LINE__)
bool error_set_at(struct error *err, enum error_code code, const char *origin, const char *format,
		...) PRINTF(4, 5);
bool error_errno_at(struct error *err, int number, const char *origin, const char *format, ...)
		PRINTF(4, 5);
