/* SPDX-License-Identifier: Apache-2.0 */
#include "image/reference.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/str.h"

enum { REPOSITORY_MAX = 255, TAG_MAX = 128, HOST_MAX = 255 };

static bool small(char c) {
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool plain(char c) {
	return small(c) || (c >= 'A' && c <= 'Z');
}

bool image_digest_valid(const char *text) {
	return str_starts(text, "sha256:") && digest_text_valid(text + strlen("sha256:"));
}

/* --- the parts ---------------------------------------------------------------------------------
 */

static bool port_valid(const char *port) {
	struct error ignored;
	uint64_t number;
	return str_to_u64(port, &number, &ignored) && number >= 1 && number <= UINT16_MAX;
}

static size_t name_length(const char *host) {
	if (host[0] == '[') {
		size_t inside = strspn(host + 1, "0123456789abcdefABCDEF:.");
		return inside != 0 && host[inside + 1] == ']' ? inside + 2 : 0;
	}
	size_t length = 0;
	while (plain(host[length]) ||
			(length != 0 && strchr(".-_", host[length]) != NULL && host[length] != 0)) {
		length++;
	}
	return length;
}

static bool check_host(const char *host, struct error *err) {
	size_t length = name_length(host);
	bool ok = length != 0 && length <= HOST_MAX &&
		  (host[length] == 0 || (host[length] == ':' && port_valid(host + length + 1)));
	return ok || error_set(err, ERROR_INVALID,
				     "\"%.200s\" is not the name of a registry (HOST or HOST:PORT)",
				     host);
}

/* What may stand between letters and digits of a repository: ".", "_", "__" or hyphens. */
static size_t separator_length(const char *at) {
	size_t hyphens = strspn(at, "-");
	if (hyphens != 0) {
		return hyphens;
	}
	return at[0] == '.' ? 1 : strncmp(at, "__", 2) == 0 ? 2 : at[0] == '_' ? 1 : 0;
}

static bool check_repository(const char *text, struct error *err) {
	const char *at = text;
	size_t length = strlen(text);
	while (small(*at)) {
		do {
			at++;
		} while (small(*at));
		size_t skip = *at == '/' ? 1 : separator_length(at);
		if (skip == 0) {
			break;
		}
		at += skip;
	}
	bool ok = length != 0 && length <= REPOSITORY_MAX && *at == 0 && small(text[length - 1]);
	return ok || error_set(err, ERROR_INVALID,
				     "\"%.260s\" is not the name of a repository (parts of small "
				     "letters and digits, with . _ - between them, separated by /)",
				     text);
}

static bool check_tag(const char *tag, struct error *err) {
	size_t length = 0;
	while (plain(tag[length]) || tag[length] == '_' ||
			(length != 0 && (tag[length] == '.' || tag[length] == '-'))) {
		length++;
	}
	bool ok = length != 0 && length <= TAG_MAX && tag[length] == 0;
	return ok || error_set(err, ERROR_INVALID,
				     "\"%.200s\" is not a tag (1 to 128 letters, digits, and _ . - "
				     "behind the first)",
				     tag);
}

static bool check_digest(const char *digest, struct error *err) {
	return image_digest_valid(digest) ||
	       error_set(err, ERROR_INVALID,
			       "\"%.100s\" is not a digest (sha256: and 64 hex digits in small "
			       "letters)",
			       digest);
}

static bool check_member(const char *member, struct error *err) {
	size_t length = strlen(member);
	bool ok = length != 0 && length <= 255 && str_is_utf8(member, length);
	for (size_t i = 0; ok && i < length; i++) {
		ok = !iscntrl((unsigned char)member[i]);
	}
	return ok || error_set(err, ERROR_INVALID,
				     "behind # stands the name of a member: 1 to 255 characters");
}

/* --- taking it apart ---------------------------------------------------------------------------
 */

/* Ends the text at the first `mark` and returns what stands behind it; NULL if there is none. */
static char *cut(char *text, char mark) {
	char *at = strchr(text, mark);
	if (at != NULL) {
		*at++ = 0;
	}
	return at;
}

static bool is_host(const char *part) {
	return strpbrk(part, ".:") != NULL || str_equal(part, "localhost");
}

/* The host ends at the first '/', if what stands before it is one. */
static void split_host(const char *text, struct image_reference *to) {
	const char *slash = strchr(text, '/');
	CLEANUP(mem_freep)
	char *first = slash != NULL ? mem_copy(text, (size_t)(slash - text)) : NULL;
	if (first != NULL && is_host(first)) {
		to->host = str_copy(first);
		to->repository = str_copy(slash + 1);
		return;
	}
	to->host = str_copy("docker.io");
	to->repository = slash != NULL ? str_copy(text) : str_format("library/%s", text);
}

static void split_tag(char *text, struct image_reference *to) {
	char *slash = strrchr(text, '/');
	char *tag = cut(slash != NULL ? slash : text, ':');
	split_host(text, to);
	if (str_equal(to->host, "index.docker.io")) {
		str_set(&to->host, "docker.io");
	}
	if (str_equal(to->host, "docker.io") && strchr(to->repository, '/') == NULL) {
		char *full = str_format("library/%s", to->repository);
		free(to->repository);
		to->repository = full;
	}
	to->tag = str_copy(tag != NULL ? tag : "latest");
}

static bool check_all(struct image_reference *it, struct error *err) {
	if (!check_host(it->host, err) || !check_repository(it->repository, err) ||
			!check_tag(it->tag, err) ||
			(it->digest != NULL && !check_digest(it->digest, err)) ||
			(it->member != NULL && !check_member(it->member, err))) {
		return false;
	}
	if (it->digest != NULL) {
		str_set(&it->tag, NULL);
	}
	return true;
}

static const char *skip_scheme(const char *text) {
	static const char *const schemes[] = { "oci://", "docker://" };
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (str_starts(text, schemes[i])) {
			return text + strlen(schemes[i]);
		}
	}
	return text;
}

bool image_reference_parse(const char *text, struct image_reference *reference, struct error *err) {
	*reference = (struct image_reference){ 0 };
	size_t length = strlen(text);
	if (length == 0 || length > IMAGE_REFERENCE_MAX || !str_is_utf8(text, length)) {
		return error_set(err, ERROR_INVALID,
				"the name of an image has 1 to %d characters of UTF-8",
				IMAGE_REFERENCE_MAX);
	}
	CLEANUP(mem_freep) char *copy = str_copy(skip_scheme(text));
	if (strstr(copy, "://") != NULL) {
		return error_set(err, ERROR_INVALID,
				"\"%.200s\" is a web address and not the name of an image", text);
	}
	char *member = cut(copy, '#'), *digest = cut(copy, '@');
	reference->member = str_copy(member);
	reference->digest = str_copy(digest);
	split_tag(copy, reference);
	if (!check_all(reference, err)) {
		image_reference_finish(reference);
		return error_wrap(err, "image \"%.200s\"", text);
	}
	return true;
}

void image_reference_finish(struct image_reference *reference) {
	free(reference->host);
	free(reference->repository);
	free(reference->tag);
	free(reference->digest);
	free(reference->member);
	*reference = (struct image_reference){ 0 };
}

const char *image_reference_server(const struct image_reference *reference) {
	return str_equal(reference->host, "docker.io") ? "registry-1.docker.io" : reference->host;
}
