/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/keys.h"

#include <string.h>

#include "base/hex.h"
#include "base/mem.h"
#include "base/random.h"
#include "seal/derive.h"
#include "seal/memory.h"

struct seal_key {
	struct seal_memory memory;
};

static struct seal_key *create_key(struct error *err) {
	struct seal_key *key = MEM_NEW(struct seal_key);
	if (!seal_memory_create(&key->memory, SEAL_KEY_BYTES, SEAL_MEMORY_KEYS, err)) {
		free(key);
		return NULL;
	}
	return key;
}

static bool check_text(const char *text, size_t length, struct error *err) {
	enum { DIGITS = 2 * SEAL_KEY_BYTES };
	size_t good = strspn(text, "0123456789abcdefABCDEF");
	if (length != DIGITS) {
		return error_set(err, ERROR_INVALID,
				"a workload key has %d hexadecimal characters (%d bytes), this one "
				"has %zu",
				DIGITS, SEAL_KEY_BYTES, length);
	}
	return good >= length ||
	       error_set(err, ERROR_INVALID,
			       "a workload key has only the characters 0-9 and a-f, the one at "
			       "position %zu is neither",
			       good + 1);
}

/* `length` characters of a longer text. */
static struct seal_key *parse(const char *text, size_t length, struct error *err) {
	char digits[SEAL_KEY_TEXT_SIZE] = { 0 };
	struct seal_key *key = check_text(text, length, err) ? create_key(err) : NULL;
	if (key != NULL) {
		memcpy(digits, text, length);
		(void)!hex_decode(digits, key->memory.data, SEAL_KEY_BYTES); /* it was checked */
		explicit_bzero(digits, sizeof(digits));
	}
	return key;
}

struct seal_key *seal_key_parse(const char *text, struct error *err) {
	return parse(text, strlen(text), err);
}

static bool add_text(struct seal_ring *ring, const char *text, size_t length, struct error *err) {
	struct seal_key *key = parse(text, length, err);
	bool added = key != NULL && seal_ring_add(ring, key, err);
	seal_key_destroy(key);
	return added;
}

bool seal_ring_read(struct seal_ring *ring, const char *keys, struct error *err) {
	static const char between[] = ", \t\r\n";
	size_t count = 0;
	for (const char *at = keys + strspn(keys, between); *at != '\0'; count++) {
		size_t length = strcspn(at, between);
		if (!add_text(ring, at, length, err)) {
			return error_wrap(err, "key %zu", count + 1);
		}
		at += length;
		at += strspn(at, between);
	}
	return count != 0 || error_set(err, ERROR_INVALID, "there is no workload key in it");
}

struct seal_key *seal_key_generate(struct error *err) {
	struct seal_key *key = create_key(err);
	if (key != NULL) {
		random_bytes(key->memory.data, SEAL_KEY_BYTES);
	}
	return key;
}

struct seal_key *seal_key_for_worker(
		const struct seal_key *root, const char *worker, struct error *err) {
	size_t length = strlen(worker);
	if (length == 0 || length > SEAL_TEXT_MAX) {
		(void)error_set(err, ERROR_INVALID,
				"a worker id has 1 to %d bytes, this one has %zu", SEAL_TEXT_MAX,
				length);
		return NULL;
	}
	struct seal_key *key = create_key(err);
	if (key != NULL) {
		seal_derive(root->memory.data, "worker", worker, key->memory.data, SEAL_KEY_BYTES);
	}
	return key;
}

void seal_key_text(const struct seal_key *key, char text[SEAL_KEY_TEXT_SIZE]) {
	hex_encode(key->memory.data, SEAL_KEY_BYTES, text);
}

void seal_key_name(const struct seal_key *key, char name[SEAL_KEY_NAME_SIZE]) {
	uint8_t id[SEAL_KEY_ID_BYTES];
	seal_derive(key->memory.data, "id", NULL, id, sizeof(id));
	hex_encode(id, sizeof(id), name);
}

const uint8_t *seal_key_bytes(const struct seal_key *key) {
	return key->memory.data;
}

void seal_key_destroy(struct seal_key *key) {
	if (key != NULL) {
		seal_memory_finish(&key->memory);
		free(key);
	}
}
