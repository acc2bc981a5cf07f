/* SPDX-License-Identifier: Apache-2.0 */
#include "http/problem.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* Propeller's clients find their cause in the second of two lines where the request is at fault. */
static char *old_text(const struct error *err, const char *detail) {
	bool at_fault = error_http_status(err->code) == 400;
	return str_format(
			"%s%s", at_fault ? "something went wrong with the request\n" : "", detail);
}

char *problem_text(const struct error *err, const char *field) {
	size_t size;
	CLEANUP(mem_freep) char *detail = str_utf8(err->message, strlen(err->message), &size);
	CLEANUP(mem_freep) char *old = old_text(err, detail);
	CLEANUP(mem_freep) char *type = str_format("/problems/%s", error_slug(err->code));
	json_t *object = json_object();
	json_object_set_new(object, "type", json_string(type));
	json_object_set_new(object, "title", json_string(error_title(err->code)));
	json_object_set_new(object, "status", json_integer(error_http_status(err->code)));
	json_object_set_new(object, "detail", json_string(detail));
	json_object_set_new(object, "error", json_string(old));
	if (field != NULL) {
		json_object_set_new(object, "field", json_string(field));
	}
	CLEANUP(mem_freep) char *text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	return str_format("%s\n", text != NULL ? text : "{}");
}

char *problem_page(const char *slug) {
	enum error_code code = error_from_slug(slug);
	if (!str_equal(error_slug(code), slug)) { /* what is unknown counts as internal */
		return NULL;
	}
	return str_format(
			"%s: %s\n\n"
			"HTTP status %d; exit code %d of propeller-cli. The `detail` of an answer "
			"of this type\nsays what happened, to what, and what to do.\n",
			slug, error_title(code), error_http_status(code), error_exit_code(code));
}
