/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients put into If-Match, If-None-Match, Accept-Encoding, Content-Type and traceparent, and
 * what an operator puts into a file of tokens. The first byte chooses.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/trace.h"
#include "http/encoding.h"
#include "manager/etag.h"
#include "manager/media.h"
#include "manager/tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
	if (!holds) {
		abort();
	}
}

/* A strong match is a weak one as well, and a list goes on naming what it names when it grows. */
static void check_list(const char *list) {
	char tag[ETAG_SIZE];
	etag_of("a text", tag);
	bool strong = etag_listed(list, tag, false), weak = etag_listed(list, tag, true);
	must(weak || !strong);
	must(!strong || strcmp(list, "*") == 0 || strspn(list, " \t*") == strlen(list) ||
			strstr(list, tag) != NULL);
	size_t size = strlen(list);
	char *longer = mem_zero(1, size + 2 * sizeof(tag));
	(void)snprintf(longer, size + 2 * sizeof(tag), "%s, %s", tag, list);
	must(etag_listed(longer, tag, false));
	free(longer);
}

/* What is said first counts, whatever comes after it. */
static void check_encoding(const char *accept) {
	size_t room = strlen(accept) + 32;
	char *longer = mem_zero(1, room);
	(void)encoding_takes_gzip(accept);
	(void)snprintf(longer, room, "gzip;q=0.5, %s", accept);
	must(encoding_takes_gzip(longer));
	(void)snprintf(longer, room, "gzip;q=0, %s", accept);
	must(!encoding_takes_gzip(longer));
	free(longer);
}

static void check_media(const char *value) {
	char found[16];
	size_t room = strlen(value) + 32;
	char *longer = mem_zero(1, room);
	must(!media_parameter(value, "name", found, sizeof(found)) ||
			strlen(found) < sizeof(found));
	(void)snprintf(longer, room, "a/b; name=\"c\"; %s", value);
	must(media_is(longer, "a/b"));
	must(media_parameter(longer, "name", found, sizeof(found)) && strcmp(found, "c") == 0);
	free(longer);
}

/* Whoever is in a file that is taken has a role; who is not has none. */
static void check_tokens(const uint8_t *data, size_t size) {
	struct error err;
	char path[64];
	int file = memfd_create("tokens", MFD_CLOEXEC);
	must(file >= 0 && write(file, data, size) == (ssize_t)size && fchmod(file, 0600) == 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	struct tokens *tokens = tokens_open(path, &err);
	if (tokens != NULL) {
		must(tokens_role(tokens, "nobody would take this one, \"because\" it has blanks") ==
				ROLE_NONE);
		must(tokens_reload(tokens, &err));
	} else {
		must(err.code == ERROR_INVALID);
	}
	tokens_close(tokens);
	(void)close(file);
}

/* The id of what is taken is the one that stands there. */
static void check_trace(const char *parent) {
	char id[TRACE_ID_SIZE];
	if (trace_read(parent, id)) {
		must(strspn(id, "0123456789abcdef") == TRACE_ID_SIZE - 1);
		must(strncmp(parent + 3, id, strlen(id)) == 0);
	} else {
		must(id[0] == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0) {
		return 0;
	}
	if (data[0] % 2 == 0) {
		char *list = mem_copy(data + 1, size - 1);
		check_list(list);
		check_encoding(list);
		check_media(list);
		check_trace(list);
		free(list);
	} else {
		check_tokens(data + 1, size - 1);
	}
	return 0;
}
