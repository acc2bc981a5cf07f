/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/roots.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hex.h"
#include "base/mem.h"

static const struct {
	const char *name;
	enum snp_product product;
} names[] = {
	{ "Milan", SNP_PRODUCT_MILAN },
	{ "Genoa", SNP_PRODUCT_GENOA },
	{ "Turin", SNP_PRODUCT_TURIN },
	/* The same keys as Genoa's. */
	{ "Bergamo", SNP_PRODUCT_GENOA },
	{ "Siena", SNP_PRODUCT_GENOA },
};

static const struct {
	enum snp_product product;
	const char *key;
} builtin[] = {
#define ROOT(product, key) { SNP_PRODUCT_##product, key },
#include "spec/roots.def"
#undef ROOT
};

const char *snp_product_name(enum snp_product product) {
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].product == product) {
			return names[i].name;
		}
	}
	return "unknown";
}

/* A stepping may follow: "Milan-B0". */
enum snp_product snp_product_find(const char *name, size_t size) {
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t length = strlen(names[i].name);
		if (size >= length && strncasecmp(name, names[i].name, length) == 0 &&
				(size == length || name[length] == '-')) {
			return names[i].product;
		}
	}
	return SNP_PRODUCT_UNKNOWN;
}

void roots_builtin(struct roots *roots) {
	roots->count = 0;
	for (size_t i = 0; i < sizeof(builtin) / sizeof(builtin[0]); i++) {
		struct root *root = &roots->items[roots->count];
		root->product = builtin[i].product;
		roots->count += hex_decode(builtin[i].key, root->key, DIGEST_SIZE);
	}
}

static void forget(struct roots *roots, enum snp_product product) {
	size_t kept = 0;
	for (size_t i = 0; i < roots->count; i++) {
		if (roots->items[i].product != product) {
			roots->items[kept++] = roots->items[i];
		}
	}
	roots->count = kept;
}

/* One line without its comment, "PRODUCT SHA256" or nothing. */
static bool parse_line(
		struct roots *roots, char *line, bool named[SNP_PRODUCTS], struct error *err) {
	line += strspn(line, " \t\r");
	size_t size = strcspn(line, " \t\r");
	if (size == 0) {
		return true;
	}
	char *key = line + size + strspn(line + size, " \t\r");
	size_t length = strcspn(key, " \t\r");
	bool alone = key[length + strspn(key + length, " \t\r")] == 0;
	key[length] = 0;
	struct root root = { .product = snp_product_find(line, size) };
	if (root.product == SNP_PRODUCT_UNKNOWN || !alone || length != 2 * DIGEST_SIZE ||
			!hex_decode(key, root.key, DIGEST_SIZE)) {
		return error_set(err, ERROR_INVALID,
				"a line of the roots is a product (Milan, Genoa or Turin) and the "
				"SHA-256 of its key (64 hex digits)");
	}
	if (!named[root.product]) {
		named[root.product] = true;
		forget(roots, root.product);
	}
	if (roots->count == ROOTS_MAX) {
		return error_set(err, ERROR_INVALID, "more than %d roots", ROOTS_MAX);
	}
	roots->items[roots->count++] = root;
	return true;
}

bool roots_parse(struct roots *roots, struct bytes text, struct error *err) {
	bool named[SNP_PRODUCTS] = { false };
	if (text.size > ROOTS_FILE_MAX) {
		return error_set(err, ERROR_TOO_LARGE, "%zu bytes are too many for a file of roots",
				text.size);
	}
	CLEANUP(mem_freep) char *copy = mem_copy(text.data, text.size);
	unsigned number = 1;
	for (char *line = copy, *next; line != NULL; line = next, number++) {
		next = strchr(line, '\n');
		if (next != NULL) {
			*next++ = 0;
		}
		line[strcspn(line, "#")] = 0;
		if (!parse_line(roots, line, named, err)) {
			return error_wrap(err, "line %u", number);
		}
	}
	return true;
}

bool roots_have(const struct roots *roots, enum snp_product product,
		const uint8_t key[DIGEST_SIZE]) {
	for (size_t i = 0; i < roots->count; i++) {
		if (roots->items[i].product == product &&
				memcmp(roots->items[i].key, key, DIGEST_SIZE) == 0) {
			return true;
		}
	}
	return false;
}
