/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Whom to believe: the keys of AMD's root certificates (ARK), by product, each as the SHA-256 of
 * its SubjectPublicKeyInfo in DER. Built in are those of spec/roots.def; a file adds to them or,
 * for a product that it names, takes their place.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/error.h"

enum snp_product {
	SNP_PRODUCT_UNKNOWN,
	SNP_PRODUCT_MILAN,
	SNP_PRODUCT_GENOA,
	SNP_PRODUCT_TURIN,
	SNP_PRODUCTS,
};
const char *snp_product_name(enum snp_product product); /* "Milan"; "unknown" */
/* From the name as certificates have it: "Milan", "Milan-B0", "SEV-Milan"'s last part. */
enum snp_product snp_product_find(const char *name, size_t size);

enum { ROOTS_MAX = 32, ROOTS_FILE_MAX = 16 << 10 };

struct roots {
	struct root {
		enum snp_product product;
		uint8_t key[DIGEST_SIZE];
	} items[ROOTS_MAX];
	size_t count;
};

void roots_builtin(struct roots *roots);
/*
 * Reads a file's text into `roots`: lines "PRODUCT SHA256", '#' begins a comment. A product that it
 * names has only the keys of the file afterwards. ERROR_INVALID names the line.
 */
bool roots_parse(struct roots *roots, struct bytes text, struct error *err) MUST_CHECK;
bool roots_have(const struct roots *roots, enum snp_product product,
		const uint8_t key[DIGEST_SIZE]) MUST_CHECK;
