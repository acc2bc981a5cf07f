/* SPDX-License-Identifier: Apache-2.0 */
#include "image/credentials.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/str.h"
#include "image/credential_program.h"

enum { FILE_MAX = 1024 * 1024, SECRET_MAX = 64 * 1024 };

/* --- which registry ----------------------------------------------------------------------------
 */

/* "https://index.docker.io/v1/" is "docker.io": the scheme and the version of the API go. */
static char *place_of(const char *registry) {
	const char *scheme = strstr(registry, "://");
	char *place = str_copy(scheme != NULL ? scheme + 3 : registry);
	static const char *const endings[] = { "/", "/v1", "/v2" };
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		if (str_ends(place, endings[i])) {
			place[strlen(place) - strlen(endings[i])] = 0;
		}
	}
	if (str_equal(place, "index.docker.io") || str_equal(place, "registry-1.docker.io")) {
		str_set(&place, "docker.io");
	}
	return place;
}

/* `place` is the host, or the host and the first parts of the repository's name. */
static bool covers(const char *place, const char *host, const char *repository) {
	size_t size = strlen(host);
	if (strncasecmp(place, host, size) != 0) {
		return false;
	}
	if (place[size] == 0) {
		return true;
	}
	const char *below = place + size + 1;
	size_t length = strlen(below);
	return place[size] == '/' && strncmp(repository, below, length) == 0 &&
	       (repository[length] == 0 || repository[length] == '/');
}

const struct credential *credentials_for(
		const struct credentials *list, const char *host, const char *repository) {
	const struct credential *best = NULL;
	for (size_t i = 0; i < list->count; i++) {
		const struct credential *one = &list->items[i];
		if (covers(one->registry, host, repository) &&
				(best == NULL || strlen(one->registry) > strlen(best->registry))) {
			best = one;
		}
	}
	return best == NULL && list->store.program != NULL ? &list->store : best;
}

/* --- the list ----------------------------------------------------------------------------------
 */

void credentials_add(struct credentials *list, const struct credential *one) {
	list->items = mem_resize(list->items, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = (struct credential){
		.registry = place_of(one->registry),
		.username = str_copy(one->username),
		.password = str_copy(one->password),
		.token = str_copy(one->token),
		.program = str_copy(one->program),
	};
}

void credentials_finish(struct credentials *list) {
	for (size_t i = 0; i < list->count; i++) {
		struct credential *one = &list->items[i];
		free(one->registry);
		free(one->program);
		secret_wipe(&one->username);
		secret_wipe(&one->password);
		secret_wipe(&one->token);
	}
	free(list->items);
	free(list->store.program);
	*list = (struct credentials){ 0 };
}

char *credential_basic(const struct credential *one) {
	char *both = str_format("%s:%s", one->username, one->password);
	char *code = base64_encode((const uint8_t *)both, strlen(both));
	char *header = str_format("Basic %s", code);
	secret_wipe(&both);
	secret_wipe(&code);
	return header;
}

/* --- config.json -------------------------------------------------------------------------------
 */

/* "user:password" in base64. */
static bool add_pair(struct credentials *list, const char *registry, const char *code,
		struct error *err) {
	struct error ignored;
	struct buf pair = BUF_INIT(SECRET_MAX);
	bool ok = base64_decode(code, strlen(code), &pair, &ignored) &&
		  memchr(buf_text(&pair), 0, pair.size) == NULL;
	char *colon = ok && pair.size != 0 ? strchr((char *)pair.data, ':') : NULL;
	if (colon != NULL) {
		*colon = 0;
		credentials_add(list, &(struct credential){ .registry = (char *)(uintptr_t)registry,
						      .username = (char *)pair.data,
						      .password = colon + 1 });
	}
	if (pair.data != NULL) {
		explicit_bzero(pair.data, pair.size);
	}
	buf_finish(&pair);
	return colon != NULL || error_set(err, ERROR_INVALID,
						"\"auth\" of \"%.200s\" is not NAME:PASSWORD in "
						"base64",
						registry);
}

static const char *text_of(const json_t *entry, const char *name) {
	const char *text = json_string_value(json_object_get(entry, name));
	return text != NULL && text[0] != 0 ? text : NULL;
}

/* An entry without anything means that the store has it, or that nobody is logged in. */
static bool add_entry(struct credentials *list, const char *registry, const json_t *entry,
		struct error *err) {
	struct credential one = { .registry = (char *)(uintptr_t)registry };
	const char *pair = text_of(entry, "auth"), *name = text_of(entry, "username");
	const char *password = text_of(entry, "password"), *token = text_of(entry, "registrytoken");
	if (token != NULL) {
		one.token = (char *)(uintptr_t)token;
		credentials_add(list, &one);
	} else if (name != NULL && password != NULL) {
		one.username = (char *)(uintptr_t)name;
		one.password = (char *)(uintptr_t)password;
		credentials_add(list, &one);
	} else if (pair != NULL) {
		return add_pair(list, registry, pair, err);
	}
	return true;
}

static void wipe_texts(json_t *value) {
	void *at;
	const char *name;
	json_t *inner;
	json_object_foreach_safe(value, at, name, inner) {
		if (json_is_object(inner)) {
			wipe_texts(inner);
		} else if (json_is_string(inner)) {
			explicit_bzero((char *)(uintptr_t)json_string_value(inner),
					json_string_length(inner));
		}
	}
}

static bool check_program(const char *name, struct error *err) {
	return (name != NULL && credential_program_valid(name)) ||
	       error_set(err, ERROR_INVALID,
			       "\"credsStore\" and \"credHelpers\" name programs "
			       "docker-credential-NAME "
			       "by NAME alone: letters, digits, '.', '_' and '-'");
}

/* Before the entries of "auths": for its registry a helper counts more. */
static bool add_programs(struct credentials *list, const json_t *root, struct error *err) {
	const json_t *helpers = json_object_get(root, "credHelpers");
	const char *registry;
	json_t *name;
	json_object_foreach((json_t *)(uintptr_t)helpers, registry, name) {
		struct credential one = { .registry = (char *)(uintptr_t)registry,
			.program = (char *)(uintptr_t)json_string_value(name) };
		if (!check_program(one.program, err)) {
			return false;
		}
		credentials_add(list, &one);
	}
	const json_t *store = json_object_get(root, "credsStore");
	if (store == NULL || str_equal(json_string_value(store), "")) {
		return true;
	}
	str_set(&list->store.program, json_string_value(store));
	return check_program(list->store.program, err);
}

static bool add_all(struct credentials *list, json_t *root, struct error *err) {
	const json_t *auths = json_object_get(root, "auths");
	const char *registry;
	json_t *entry;
	if (!add_programs(list, root, err)) {
		return false;
	}
	json_object_foreach((json_t *)(uintptr_t)auths, registry, entry) {
		if (!add_entry(list, registry, entry, err)) {
			return false;
		}
	}
	return true;
}

bool credentials_parse(struct credentials *list, struct bytes text, struct error *err) {
	json_error_t where;
	json_t *root = text.size != 0 ? json_loadb((const char *)text.data, text.size,
							JSON_REJECT_DUPLICATES, &where)
				      : NULL;
	/* jansson's words quote the text, which holds passwords */
	bool ok = json_is_object(root) ||
		  error_set(err, ERROR_INVALID, "this is not a JSON object");
	ok = ok && add_all(list, root, err);
	if (root != NULL) {
		wipe_texts(root);
	}
	json_decref(root);
	return ok;
}

bool credentials_read(struct credentials *list, const char *path, struct error *err) {
	struct secret_content content;
	if (!secret_read_content(path, "file", FILE_MAX, &content, err)) {
		return false;
	}
	bool ok = (content.mode & 077) == 0 ||
		  error_set(err, ERROR_INVALID,
				  "%s holds passwords, and others than its owner may use it: "
				  "chmod 600 %s",
				  path, path);
	ok = ok && (credentials_parse(list,
				    (struct bytes){ (const uint8_t *)content.bytes, content.size },
				    err) ||
				   error_wrap(err, "%s", path));
	secret_wipe_content(&content);
	return ok;
}
