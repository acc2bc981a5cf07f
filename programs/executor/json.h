/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * spec/dtvm.proto as JSON, by the rules of protojson: lowerCamelCase (names as in the .proto are
 * taken too), 64-bit numbers as strings, enumerations by name or number, what is not set left out.
 * Members that nobody knows mean nothing.
 */
#include "executor/layout.h"

struct json_request;
/* The request, to be freed; `asked` borrows from it. NULL: ERROR_INVALID. */
struct json_request *json_request_read(
		struct bytes text, struct asked *asked, struct error *err) MUST_CHECK;
void json_request_destroy(struct json_request *request); /* accepts NULL */

/* Appends the answer; `receipt` is JSON, or "". */
bool json_answer_write(const struct asked *asked, const struct answered *answered,
		const char *receipt, struct buf *out, struct error *err) MUST_CHECK;
/* Appends text with its quotes. */
bool json_text_write(const char *text, struct buf *out, struct error *err) MUST_CHECK;
