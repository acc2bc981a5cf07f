/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/snp_extensions.h"

#include <openssl/x509v3.h>
#include <string.h>

#define ARC "1.3.6.1.4.1.3704.1."

enum { TAG_INTEGER = 0x02, TAG_OCTETS = 0x04, TAG_IA5 = 0x16, TURIN_CHIP_BYTES = 8 };

/* The value of an extension, which has to be there once. */
static bool find(const X509 *certificate, const char *oid, struct bytes *out) {
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	int at = object != NULL ? X509_get_ext_by_OBJ(certificate, object, -1) : -1;
	bool once = at >= 0 && X509_get_ext_by_OBJ(certificate, object, at) < 0;
	ASN1_OBJECT_free(object);
	if (!once) {
		return false;
	}
	const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(X509_get_ext(certificate, at));
	*out = (struct bytes){ ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value) };
	return true;
}

/* What is in a DER value of this tag and of less than 128 bytes. */
static bool inside(struct bytes value, uint8_t tag, struct bytes *out) {
	if (value.size < 2 || value.data[0] != tag || value.data[1] != value.size - 2) {
		return false;
	}
	*out = (struct bytes){ value.data + 2, value.size - 2 };
	return true;
}

/* An INTEGER from 0 to 255. */
static bool read_level(const X509 *certificate, const char *oid, uint8_t *out) {
	struct bytes value, number;
	if (!find(certificate, oid, &value) || !inside(value, TAG_INTEGER, &number)) {
		return false;
	}
	bool one = number.size == 1 && number.data[0] < 128;
	bool two = number.size == 2 && number.data[0] == 0 && number.data[1] >= 128;
	*out = number.size != 0 ? number.data[number.size - 1] : 0;
	return one || two;
}

/* Which level stands in which byte of the packed TCB, by product. */
static const struct level {
	const char *oid, *name;
	signed char milan, turin; /* bytes; -1: not in it */
} levels[] = {
	{ ARC "3.1", "boot loader", 0, 1 },
	{ ARC "3.2", "TEE", 1, 2 },
	{ ARC "3.3", "SNP", 6, 3 },
	{ ARC "3.8", "microcode", 7, 7 },
	{ ARC "3.9", "FMC", -1, 0 },
};

static bool read_tcb(struct snp_chain *chain, struct verdict *verdict) {
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		int byte = chain->product == SNP_PRODUCT_TURIN ? levels[i].turin : levels[i].milan;
		uint8_t level = 0;
		if (byte < 0) {
			continue;
		}
		if (!read_level(chain->leaf, levels[i].oid, &level)) {
			return verdict_set(verdict, VERDICT_CERTIFICATE, "no level of the %s",
					levels[i].name);
		}
		chain->tcb |= (uint64_t)level << 8 * byte;
	}
	return true;
}

/* As an IA5String, with the stepping in a VCEK: "Milan-B0". */
static bool check_product(const struct snp_chain *chain, struct verdict *verdict) {
	struct bytes value, name;
	if (!find(chain->leaf, ARC "2", &value) || !inside(value, TAG_IA5, &name)) {
		return verdict_set(verdict, VERDICT_CERTIFICATE, "no name of a product");
	}
	char text[32] = "";
	memcpy(text, name.data, name.size < sizeof(text) ? name.size : sizeof(text) - 1);
	return snp_product_find(text, strlen(text)) == chain->product ||
	       verdict_set(verdict, VERDICT_PRODUCT, "a certificate of another chain");
}

/* The bytes as they are, or in an OCTET STRING. */
static bool read_chip(struct snp_chain *chain, struct verdict *verdict) {
	struct bytes value, chip;
	if (find(chain->leaf, ARC "4", &value)) {
		if (!inside(value, TAG_OCTETS, &chip)) {
			chip = value;
		}
		bool turin = chain->product == SNP_PRODUCT_TURIN;
		if (chip.size == SNP_CHIP_BYTES || (turin && chip.size == TURIN_CHIP_BYTES)) {
			memcpy(chain->chip, chip.data, chip.size);
			chain->chip_size = chip.size;
			return true;
		}
	}
	return verdict_set(verdict, VERDICT_CERTIFICATE, "no chip in the vcek");
}

bool snp_extensions_read(struct snp_chain *chain, enum snp_signer signer, struct verdict *verdict) {
	return check_product(chain, verdict) && read_tcb(chain, verdict) &&
	       (signer == SNP_SIGNER_VLEK || read_chip(chain, verdict));
}
