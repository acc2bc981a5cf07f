/* SPDX-License-Identifier: Apache-2.0 */
#include "http/problem.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* --- references -------------------------------------------------------------------------------
 */

/* RFC 3986, 2.3, and what of 2.2 and 3.3 means nothing in a path or fragment. */
static bool is_plain(char c) {
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != 0 && strchr("-._~!$&'()*+,;=@/", c) != NULL);
}

static bool is_escape(const char *text) {
	return text[0] == '%' && isxdigit((unsigned char)text[1]) &&
	       isxdigit((unsigned char)text[2]);
}

/* Adds text, escaped; with `escapes` those that are in it stay. False: that was not all of it. */
static bool add(char *to, size_t size, const char *text, bool escapes) {
	static const char digits[] = "0123456789ABCDEF";
	size_t used = strlen(to);
	for (; *text != 0; text++) {
		unsigned char c = (unsigned char)*text;
		bool plain = is_plain(*text), whole = escapes && is_escape(text);
		if (used + 4 > size) {
			return false;
		}
		to[used++] = plain ? *text : '%';
		if (!plain) {
			to[used++] = whole ? text[1] : digits[c >> 4];
			to[used++] = whole ? text[2] : digits[c & 15];
		}
		to[used] = 0;
		text += whole ? 2 : 0;
	}
	return true;
}

/* "//host/x" would be another server. */
void problem_instance(const char *path, char instance[PROBLEM_INSTANCE_MAX]) {
	bool doubled = path[0] == '/' && path[1] == '/';
	(void)snprintf(instance, PROBLEM_INSTANCE_MAX, "%s", doubled ? "/%2F" : "");
	(void)add(instance, PROBLEM_INSTANCE_MAX, path + (doubled ? 2 : 0), true);
}

/* --- what is at fault -------------------------------------------------------------------------
 */

/* The first step of a pointer; any other name as it is. */
static char *field_of(const struct error *err) {
	const char *place = err->place;
	size_t used = 0;
	if (err->part != ERROR_IN_BODY) {
		return str_copy(place);
	}
	char *field = str_copy(place[0] == '/' ? place + 1 : place);
	for (const char *at = field; *at != 0 && *at != '/'; at++) {
		bool escape = at[0] == '~' && at[1] != 0;
		field[used++] = !escape ? *at : at[1] == '1' ? '/' : '~';
		at += escape ? 1 : 0;
	}
	field[used] = 0;
	return field;
}

/* Some are no member of JSON and have no pointer. */
static json_t *fault_of(const struct error *err, const char *detail) {
	static const char *const names[] = { [ERROR_IN_BODY] = "pointer",
		[ERROR_IN_QUERY] = "parameter",
		[ERROR_IN_HEADER] = "header",
		[ERROR_IN_PART] = NULL };
	char pointer[3 * ERROR_PLACE_MAX + 2] = "#";
	bool in_body = err->part == ERROR_IN_BODY;
	if (names[err->part] == NULL || error_http_status(err->code) >= 500) {
		return NULL;
	}
	(void)add(pointer, sizeof(pointer), err->place, false);
	return json_pack("[{s:s,s:s}]", "detail", detail, names[err->part],
			in_body ? pointer : err->place);
}

static void add_fault(json_t *problem, const struct error *err, const char *detail) {
	if (err->part != ERROR_ANYWHERE) {
		CLEANUP(mem_freep) char *field = field_of(err);
		json_t *errors = fault_of(err, detail);
		json_object_set_new(problem, "field", json_string(field));
		if (errors != NULL) {
			json_object_set_new(problem, "errors", errors);
		}
	}
}

/* --- the problem ------------------------------------------------------------------------------
 */

/* Propeller's clients find their cause in the second of two lines where the request is at fault. */
static char *old_text(const struct error *err, const char *detail) {
	bool at_fault = error_http_status(err->code) == 400;
	return str_format(
			"%s%s", at_fault ? "something went wrong with the request\n" : "", detail);
}

char *problem_text(const struct error *err, const char *path) {
	size_t size;
	char instance[PROBLEM_INSTANCE_MAX];
	CLEANUP(mem_freep) char *detail = str_utf8(err->message, strlen(err->message), &size);
	CLEANUP(mem_freep) char *old = old_text(err, detail);
	CLEANUP(mem_freep) char *type = str_format("/problems/%s", error_slug(err->code));
	json_t *object = json_object();
	problem_instance(path, instance);
	json_object_set_new(object, "type", json_string(type));
	json_object_set_new(object, "title", json_string(error_title(err->code)));
	json_object_set_new(object, "status", json_integer(error_http_status(err->code)));
	json_object_set_new(object, "detail", json_string(detail));
	json_object_set_new(object, "instance", json_string(instance));
	json_object_set_new(object, "error", json_string(old));
	add_fault(object, err, detail);
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
