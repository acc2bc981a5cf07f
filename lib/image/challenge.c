/* SPDX-License-Identifier: Apache-2.0 */
#include "image/challenge.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"

static bool is_token(char c) {
	return isalnum((unsigned char)c) || (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static size_t token_length(const char *text) {
	size_t length = 0;
	while (is_token(text[length])) {
		length++;
	}
	return length;
}

static const char *skip(const char *at, const char *what) {
	return at + strspn(at, what);
}

/* A token or a quoted text; *at moves behind it. */
static char *read_value(const char **at) {
	if (**at != '"') {
		size_t length = token_length(*at);
		*at += length;
		return mem_copy(*at - length, length);
	}
	const char *from = *at + 1;
	char *value = mem_zero(strlen(from) + 1, 1), *to = value;
	while (*from != 0 && *from != '"') {
		if (*from == '\\' && from[1] != 0) {
			from++;
		}
		*to++ = *from++;
	}
	*at = *from == '"' ? from + 1 : from;
	return value;
}

static void keep(struct challenge *it, const char *name, size_t length, char *value) {
	struct {
		const char *name;
		char **place;
	} rows[] = { { "realm", &it->realm }, { "service", &it->service },
		{ "scope", &it->scope } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strlen(rows[i].name) == length && *rows[i].place == NULL &&
				strncasecmp(rows[i].name, name, length) == 0) {
			*rows[i].place = value;
			return;
		}
	}
	free(value);
}

/* name=value, name="value", ... until another scheme begins. */
static const char *read_parameters(const char *at, struct challenge *it) {
	for (;;) {
		const char *name = skip(at, ", \t");
		size_t length = token_length(name);
		const char *equal = skip(name + length, " \t");
		if (length == 0 || *equal != '=') {
			return name;
		}
		at = skip(equal + 1, " \t");
		keep(it, name, length, read_value(&at));
	}
}

static bool scheme_is(const char *at, size_t length, const char *name) {
	return strlen(name) == length && strncasecmp(at, name, length) == 0;
}

bool challenge_parse(const char *text, struct challenge *challenge, struct error *err) {
	bool basic = false;
	for (const char *at = skip(text, ", \t"); *at != 0;) {
		struct challenge it = { .kind = CHALLENGE_BEARER };
		size_t length = token_length(at);
		const char *scheme = at;
		at = read_parameters(at + length, &it);
		if (scheme_is(scheme, length, "Bearer") && it.realm != NULL) {
			*challenge = it;
			return true;
		}
		basic = basic || scheme_is(scheme, length, "Basic");
		challenge_finish(&it);
		if (length == 0 && *at != 0) {
			at = skip(at + 1, ", \t"); /* what is no scheme at all */
		}
	}
	*challenge = (struct challenge){ .kind = CHALLENGE_BASIC };
	return basic || error_set(err, ERROR_UNSUPPORTED,
					"it wants to know who we are in a way that is neither "
					"Basic nor Bearer");
}

void challenge_finish(struct challenge *challenge) {
	free(challenge->realm);
	free(challenge->service);
	free(challenge->scope);
	*challenge = (struct challenge){ .kind = CHALLENGE_BASIC };
}
