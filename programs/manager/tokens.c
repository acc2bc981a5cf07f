/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/tokens.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/str.h"

enum { TOKEN_MAX = 512 };

struct token {
	uint8_t digest[DIGEST_SIZE];
	enum role role;
};

struct list {
	struct token *items;
	size_t count;
};

struct tokens {
	char *path;
	pthread_mutex_t lock; /* of the list */
	struct list list;
};

static const char *const roles[] = {
	[ROLE_VIEWER] = "viewer", [ROLE_OPERATOR] = "operator", [ROLE_ADMIN] = "admin"
};

const char *tokens_role_name(int rank) {
	return roles[rank > ROLE_ADMIN ? ROLE_ADMIN : rank];
}

static bool read_role(const char *word, size_t size, enum role *role) {
	for (int i = ROLE_VIEWER; i <= ROLE_ADMIN; i++) {
		if (strlen(roles[i]) == size && memcmp(roles[i], word, size) == 0) {
			*role = (enum role)i;
			return true;
		}
	}
	return false;
}

static bool read_token(const char *word, size_t size, uint8_t digest[DIGEST_SIZE]) {
	static const char prefix[] = "sha256:";
	const size_t skip = sizeof(prefix) - 1;
	if (size >= skip && memcmp(word, prefix, skip) == 0) {
		char text[DIGEST_HEX_SIZE] = "";
		if (size - skip != DIGEST_HEX_SIZE - 1) {
			return false;
		}
		memcpy(text, word + skip, size - skip);
		return digest_text_valid(text) && hex_decode(text, digest, DIGEST_SIZE);
	}
	digest_of(word, size, digest);
	return size != 0 && size <= TOKEN_MAX;
}

/* "ROLE TOKEN"; nothing more. */
static bool read_line(struct list *list, const char *line, size_t size) {
	static const char blank[] = " \t\r";
	const char *end = line + size;
	line += strspn(line, blank);
	if (line >= end || *line == '#') {
		return true;
	}
	size_t role_size = strcspn(line, " \t\r\n");
	const char *token = line + role_size + strspn(line + role_size, blank);
	size_t token_size = token < end ? strcspn(token, " \t\r\n") : 0;
	const char *rest = token + token_size;
	struct token item;
	if (list->count == TOKENS_MAX || rest + strspn(rest, blank) < end ||
			!read_role(line, role_size, &item.role) ||
			!read_token(token, token_size, item.digest)) {
		return false;
	}
	list->items = mem_resize(list->items, list->count + 1, sizeof(item));
	list->items[list->count++] = item;
	return true;
}

static bool read_lines(const char *path, const char *text, struct list *list, struct error *err) {
	unsigned number = 1;
	for (const char *line = text; *line != 0; number++) {
		size_t size = strcspn(line, "\n");
		if (!read_line(list, line, size)) {
			return error_set(err, ERROR_INVALID,
					"%.500s:%u: expected viewer, operator or admin, and one "
					"token behind it: its text, or sha256: and 64 hexadecimal "
					"digits",
					path, number);
		}
		line += size + (line[size] != 0);
	}
	return list->count != 0 || error_set(err, ERROR_INVALID, "%.500s has no token in it", path);
}

static bool read_file(const char *path, struct list *list, struct error *err) {
	struct secret_content content;
	if (!secret_read_content(path, "file of tokens", TOKENS_FILE_MAX, &content, err)) {
		return false;
	}
	bool ok;
	if ((content.mode & 077) != 0) {
		ok = error_set(err, ERROR_INVALID,
				"%.500s may be used by others (mode %03o): chmod 600 it", path,
				content.mode & 0777);
	} else if (strlen(content.bytes) != content.size) {
		ok = error_set(err, ERROR_INVALID, "%.500s is no text", path);
	} else {
		ok = read_lines(path, content.bytes, list, err);
	}
	secret_wipe_content(&content);
	if (!ok) {
		free(list->items);
	}
	return ok;
}

struct tokens *tokens_open(const char *path, struct error *err) {
	struct list list = { 0 };
	if (!read_file(path, &list, err)) {
		return NULL;
	}
	struct tokens *tokens = MEM_NEW(struct tokens);
	tokens->path = str_copy(path);
	tokens->list = list;
	(void)pthread_mutex_init(&tokens->lock, NULL);
	return tokens;
}

void tokens_close(struct tokens *tokens) {
	if (tokens != NULL) {
		(void)pthread_mutex_destroy(&tokens->lock);
		free(tokens->list.items);
		free(tokens->path);
		free(tokens);
	}
}

bool tokens_reload(struct tokens *tokens, struct error *err) {
	struct list list = { 0 };
	if (!read_file(tokens->path, &list, err)) {
		return false;
	}
	(void)pthread_mutex_lock(&tokens->lock);
	struct list before = tokens->list;
	tokens->list = list;
	(void)pthread_mutex_unlock(&tokens->lock);
	free(before.items);
	return true;
}

enum role tokens_role(struct tokens *tokens, const char *token) {
	uint8_t digest[DIGEST_SIZE];
	enum role role = ROLE_NONE;
	digest_of(token, strlen(token), digest);
	(void)pthread_mutex_lock(&tokens->lock);
	for (size_t i = 0; i < tokens->list.count; i++) {
		const struct token *item = &tokens->list.items[i];
		bool same = CRYPTO_memcmp(item->digest, digest, DIGEST_SIZE) == 0;
		role = same && item->role > role ? item->role : role;
	}
	(void)pthread_mutex_unlock(&tokens->lock);
	return role;
}
