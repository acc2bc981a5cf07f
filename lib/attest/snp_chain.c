/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/snp_chain.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "attest/snp_extensions.h"
#include "attest/snp_revoked.h"
#include "base/clock.h"

enum { NAME_MAX_BYTES = 64, RSA_BITS = 4096 };

#define PEM_BEGIN "-----BEGIN"

static X509 *parse(struct bytes bytes) {
	X509 *certificate = NULL;
	if (bytes.size > sizeof(PEM_BEGIN) - 1 &&
			memcmp(bytes.data, PEM_BEGIN, sizeof(PEM_BEGIN) - 1) == 0) {
		BIO *bio = BIO_new_mem_buf(bytes.data, (int)bytes.size);
		certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
		BIO_free(bio);
		return certificate;
	}
	const uint8_t *at = bytes.data;
	certificate = d2i_X509(NULL, &at, (long)bytes.size);
	if (certificate != NULL && at != bytes.data + bytes.size) {
		X509_free(certificate);
		return NULL;
	}
	return certificate;
}

static bool load(X509 **out, const struct certificates *certificates, enum certificate which,
		struct verdict *verdict) {
	struct bytes bytes = certificates_get(certificates, which);
	if (bytes.size == 0) {
		return verdict_set(verdict, VERDICT_CERTIFICATE_NONE, "no %s",
				certificate_name(which));
	}
	*out = parse(bytes);
	return *out != NULL || verdict_set(verdict, VERDICT_CERTIFICATE, "the %s is no certificate",
					       certificate_name(which));
}

/* --- one certificate ---------------------------------------------------------------------------
 */

static bool common_name(const X509 *certificate, char text[NAME_MAX_BYTES]) {
	int size = X509_NAME_get_text_by_NID(
			X509_get_subject_name(certificate), NID_commonName, text, NAME_MAX_BYTES);
	return size > 0 && strlen(text) == (size_t)size;
}

/* All of AMD's are signed with RSASSA-PSS and SHA-384. (X509_get_signature_info() would say so as
 * well, but it hashes the whole certificate first, and so do the flags of extensions.) */
static bool signed_as_amd_does(const X509 *certificate) {
	const X509_ALGOR *algorithm;
	const ASN1_OBJECT *kind, *digest = NULL;
	const void *value;
	int type;
	X509_get0_signature(NULL, &algorithm, certificate);
	X509_ALGOR_get0(&kind, &type, &value, algorithm);
	if (OBJ_obj2nid(kind) != NID_rsassaPss || type != V_ASN1_SEQUENCE) {
		return false;
	}
	RSA_PSS_PARAMS *parameters = ASN1_item_unpack(value, ASN1_ITEM_rptr(RSA_PSS_PARAMS));
	if (parameters != NULL && parameters->hashAlgorithm != NULL) {
		X509_ALGOR_get0(&digest, NULL, NULL, parameters->hashAlgorithm);
	}
	bool good = digest != NULL && OBJ_obj2nid(digest) == NID_sha384;
	RSA_PSS_PARAMS_free(parameters);
	return good;
}

static bool has_key(const X509 *certificate, int type, int bits) {
	const EVP_PKEY *key = X509_get0_pubkey(certificate);
	return key != NULL && EVP_PKEY_get_base_id(key) == type && EVP_PKEY_get_bits(key) == bits;
}

static bool on_p384(const X509 *certificate) {
	char group[NAME_MAX_BYTES];
	size_t size = 0;
	return has_key(certificate, EVP_PKEY_EC, 384) &&
	       EVP_PKEY_get_group_name(
			       X509_get0_pubkey(certificate), group, sizeof(group), &size) == 1 &&
	       strcmp(group, SN_secp384r1) == 0;
}

/* Nothing in it is critical that is not looked at here. */
static bool has_known_extensions(const X509 *certificate) {
	for (int i = 0; i < X509_get_ext_count(certificate); i++) {
		X509_EXTENSION *extension = X509_get_ext(certificate, i);
		int kind = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
		if (X509_EXTENSION_get_critical(extension) != 0 && kind != NID_basic_constraints &&
				kind != NID_key_usage) {
			return false;
		}
	}
	return true;
}

static bool is_authority(const X509 *certificate) {
	int once;
	BASIC_CONSTRAINTS *constraints =
			X509_get_ext_d2i(certificate, NID_basic_constraints, &once, NULL);
	bool authority = constraints != NULL && constraints->ca != 0;
	BASIC_CONSTRAINTS_free(constraints);
	return authority && has_known_extensions(certificate) &&
	       (has_key(certificate, EVP_PKEY_RSA, RSA_BITS) ||
			       has_key(certificate, EVP_PKEY_RSA_PSS, RSA_BITS));
}

static bool is_named(const X509 *certificate, const char *prefix, const char *rest) {
	char name[NAME_MAX_BYTES];
	size_t size = strlen(prefix);
	return common_name(certificate, name) && strncmp(name, prefix, size) == 0 &&
	       strcmp(name + size, rest) == 0;
}

static bool check_shapes(
		const struct snp_chain *chain, enum snp_signer signer, struct verdict *verdict) {
	bool vlek = signer == SNP_SIGNER_VLEK;
	const char *product = snp_product_name(chain->product);
	if (!is_authority(chain->ark) || !signed_as_amd_does(chain->ark)) {
		return verdict_set(verdict, VERDICT_CERTIFICATE, "the ark");
	}
	if (!is_authority(chain->ask) || !signed_as_amd_does(chain->ask) ||
			!is_named(chain->ask, vlek ? "SEV-VLEK-" : "SEV-", product)) {
		return verdict_set(verdict, VERDICT_CERTIFICATE, "the ask");
	}
	return (on_p384(chain->leaf) && has_known_extensions(chain->leaf) &&
			       signed_as_amd_does(chain->leaf) &&
			       is_named(chain->leaf, "SEV-", vlek ? "VLEK" : "VCEK")) ||
	       verdict_set(verdict, VERDICT_CERTIFICATE, "the %s", vlek ? "vlek" : "vcek");
}

/* --- the chain ---------------------------------------------------------------------------------
 */

/* "ARK-Milan" */
static enum snp_product product_of(const X509 *ark) {
	char name[NAME_MAX_BYTES];
	if (!common_name(ark, name) || strncmp(name, "ARK-", 4) != 0) {
		return SNP_PRODUCT_UNKNOWN;
	}
	return snp_product_find(name + 4, strlen(name + 4));
}

/* The key counts, not the certificate around it, which AMD may renew. */
static bool check_root(
		struct snp_chain *chain, const struct roots *roots, struct verdict *verdict) {
	struct roots builtin;
	uint8_t key[DIGEST_SIZE], *der = NULL;
	if (roots == NULL) {
		roots_builtin(&builtin);
		roots = &builtin;
	}
	int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(chain->ark), &der);
	if (size <= 0) {
		return verdict_set(verdict, VERDICT_CERTIFICATE, "the ark has no key");
	}
	digest_of(der, (size_t)size, key);
	OPENSSL_free(der);
	chain->product = product_of(chain->ark);
	return (chain->product != SNP_PRODUCT_UNKNOWN && roots_have(roots, chain->product, key)) ||
	       verdict_set(verdict, VERDICT_ROOT, "of the product %s",
			       snp_product_name(chain->product));
}

static bool is_signed_by(X509 *certificate, const X509 *above) {
	return X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(above)) ==
			       0 &&
	       X509_verify(certificate, X509_get0_pubkey(above)) == 1;
}

static bool check_signatures(const struct snp_chain *chain, struct verdict *verdict) {
	if (!is_signed_by(chain->ark, chain->ark)) {
		return verdict_set(verdict, VERDICT_CHAIN, "the ark is not signed by itself");
	}
	if (!is_signed_by(chain->ask, chain->ark)) {
		return verdict_set(verdict, VERDICT_CHAIN, "the ask is not signed by the ark");
	}
	return is_signed_by(chain->leaf, chain->ask) ||
	       verdict_set(verdict, VERDICT_CHAIN,
			       "the lowest certificate is not signed by the ask");
}

static bool check_time(
		const X509 *certificate, const char *name, int64_t at_ns, struct verdict *verdict) {
	time_t at = (time_t)(at_ns / 1000000000);
	if (X509_cmp_time(X509_get0_notBefore(certificate), &at) < 0 &&
			X509_cmp_time(X509_get0_notAfter(certificate), &at) > 0) {
		return true;
	}
	char text[CLOCK_TEXT_MAX];
	clock_format(at_ns, text);
	return verdict_set(verdict, VERDICT_TIME, "the %s at %s", name, text);
}

static bool check_times(const struct snp_chain *chain, int64_t at, struct verdict *verdict) {
	return check_time(chain->ark, "ark", at, verdict) &&
	       check_time(chain->ask, "ask", at, verdict) &&
	       check_time(chain->leaf, "lowest certificate", at, verdict);
}

bool snp_chain_open(struct snp_chain *chain, const struct certificates *certificates,
		const struct snp_report *report, const struct snp_policy *policy,
		struct verdict *verdict) {
	enum certificate leaf =
			report->signer == SNP_SIGNER_VLEK ? CERTIFICATE_VLEK : CERTIFICATE_VCEK;
	int64_t at = policy->at_ns != 0 ? policy->at_ns : clock_wall_ns();
	*chain = (struct snp_chain){ 0 };
	return load(&chain->leaf, certificates, leaf, verdict) &&
	       load(&chain->ask, certificates, CERTIFICATE_ASK, verdict) &&
	       load(&chain->ark, certificates, CERTIFICATE_ARK, verdict) &&
	       check_root(chain, policy->roots, verdict) &&
	       check_shapes(chain, report->signer, verdict) && check_signatures(chain, verdict) &&
	       check_times(chain, at, verdict) &&
	       snp_revoked_check(chain, policy->crl, at, verdict) &&
	       snp_extensions_read(chain, report->signer, verdict);
}

void snp_chain_finish(struct snp_chain *chain) {
	X509_free(chain->ark);
	X509_free(chain->ask);
	X509_free(chain->leaf);
}
