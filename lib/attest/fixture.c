/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/fixture.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

/* TEE 2, SNP 0x17, microcode 0xd1, boot loader 3 */
#define TCB_MILAN UINT64_C(0xd117000000000203)
/* FMC 1, boot loader 3, TEE 2, SNP 0x17, microcode 0xd1 */
#define TCB_TURIN UINT64_C(0xd100000017020301)

enum fixture_key { KEY_ARK, KEY_ASK, KEY_ASVK, KEY_VCEK, KEY_VLEK, FIXTURE_KEYS_COUNT };

/* --- public evidence ---------------------------------------------------------------------------
 */

void fixture_read(const char *folder, const char *name, struct buf *out) {
	struct error err;
	const char *cache = getenv("AIRSCREW_CACHE"), *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	CLEANUP(mem_freep)
	char *path = cache != NULL && cache[0] != 0 ? str_format("%s/%s/%s", cache, folder, name)
		     : xdg != NULL && xdg[0] != 0
				     ? str_format("%s/airscrew/%s/%s", xdg, folder, name)
				     : str_format("%s/.cache/airscrew/%s/%s", home, folder, name);
	if (!file_read(path, out, &err)) {
		fail_msg("%s (tools/setup test fetches it)", err.message);
	}
}

/* The n-th certificate of a file with several, as PEM. */
void fixture_pick(const struct buf *pem, int number, struct buf *out) {
	struct error err;
	const char *at = buf_text(pem);
	for (int i = 0; i < number; i++) {
		at = strstr(at + 1, "-----BEGIN CERTIFICATE-----");
		assert_non_null(at);
	}
	static const char last[] = "-----END CERTIFICATE-----";
	const char *end = strstr(at, last);
	assert_non_null(end);
	assert_true(buf_append(out, at, (size_t)(end - at) + sizeof(last) - 1, &err));
}

/* A real report of a Milan that was left to debug, its VCEK, and AMD's chain. */
void fixture_public(struct buf *report, struct certificates *certificates) {
	struct buf chain = BUF_INIT(EVIDENCE_REPORT_MAX);
	*report = BUF_INIT(EVIDENCE_REPORT_MAX);
	certificates_init(certificates);
	fixture_read(FIXTURE_DATA, "testdata/attestation.bin", report);
	fixture_read(FIXTURE_DATA, "testdata/vcek.testcer", &certificates->items[CERTIFICATE_VCEK]);
	fixture_read(FIXTURE_DATA, "testdata/milan.testcer", &chain);
	fixture_pick(&chain, 0, &certificates->items[CERTIFICATE_ASK]);
	fixture_pick(&chain, 1, &certificates->items[CERTIFICATE_ARK]);
	buf_finish(&chain);
}

int64_t fixture_time(const char *text) {
	int64_t at;
	assert_true(clock_parse(text, &at));
	return at;
}

/* --- our own -----------------------------------------------------------------------------------
 */

static EVP_PKEY *make_key(enum fixture_key which) {
	static const char *const names[] = { "ark_private_key.pem", "ask_private_key.pem",
		"asvk_private_key.pem", "vcek_private_key.pem", "vlek_private_key.pem" };
	struct buf pem = BUF_INIT(EVIDENCE_CERTIFICATE_MAX);
	fixture_read(FIXTURE_KEYS, names[which], &pem);
	BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	assert_non_null(key);
	BIO_free(bio);
	buf_finish(&pem);
	return key;
}

static X509_NAME *make_name(const char *name) {
	X509_NAME *out = X509_NAME_new();
	assert_int_equal(X509_NAME_add_entry_by_txt(
					 out, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0),
			1);
	return out;
}

static X509 *make_certificate(
		const char *name, const char *issuer, EVP_PKEY *key, const char *not_after) {
	X509 *out = X509_new();
	X509_NAME *subject = make_name(name), *above = make_name(issuer);
	assert_int_equal(X509_set_version(out, 2), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(out), 1), 1);
	assert_int_equal(X509_set_subject_name(out, subject), 1);
	assert_int_equal(X509_set_issuer_name(out, above), 1);
	assert_int_equal(ASN1_TIME_set_string_X509(X509_getm_notBefore(out), "20200101000000Z"), 1);
	assert_int_equal(ASN1_TIME_set_string_X509(X509_getm_notAfter(out),
					 not_after != NULL ? not_after : "20400101000000Z"),
			1);
	assert_int_equal(X509_set_pubkey(out, key), 1);
	X509_NAME_free(subject);
	X509_NAME_free(above);
	return out;
}

static void make_extend(X509 *certificate, const char *oid, struct bytes value) {
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	assert_int_equal(ASN1_OCTET_STRING_set(octets, value.data, (int)value.size), 1);
	X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, octets);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(octets);
	ASN1_OBJECT_free(object);
}

/* One of AMD's, unless the chain is made without it. */
static void make_amd(X509 *certificate, const struct fixture_chain *chain, const char *oid,
		struct bytes value) {
	char full[64];
	(void)snprintf(full, sizeof(full), "1.3.6.1.4.1.3704.1.%s", oid);
	int times = str_equal(oid, chain->without) ? 0 : str_equal(oid, chain->twice) ? 2 : 1;
	while (times-- > 0) {
		make_extend(certificate, full, value);
	}
}

uint64_t fixture_tcb(enum snp_product product) {
	return product == SNP_PRODUCT_TURIN ? TCB_TURIN : TCB_MILAN;
}

static void make_levels(X509 *certificate, const struct fixture_chain *chain) {
	struct snp_tcb tcb = snp_tcb(
			chain->tcb != 0 ? chain->tcb : fixture_tcb(chain->product), chain->product);
	const struct {
		const char *oid;
		uint8_t level;
	} rows[] = { { "3.1", tcb.boot_loader }, { "3.2", tcb.tee }, { "3.3", tcb.snp },
		{ "3.4", 0 }, { "3.5", 0 }, { "3.6", 0 }, { "3.7", 0 }, { "3.8", tcb.microcode },
		{ "3.9", tcb.fmc } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t value[4] = { 2, 1, rows[i].level };
		if (rows[i].level >= 128) {
			value[1] = 2, value[2] = 0, value[3] = rows[i].level;
		}
		if (chain->level_as_text) {
			value[0] = 0x16;
		}
		make_amd(certificate, chain, rows[i].oid, (struct bytes){ value, value[1] + 2u });
	}
}

void fixture_chip(uint8_t chip[SNP_CHIP_BYTES], enum snp_product product) {
	memset(chip, 0, SNP_CHIP_BYTES);
	memset(chip, 0xc5, product == SNP_PRODUCT_TURIN ? 8 : SNP_CHIP_BYTES);
}

static void make_extensions(X509 *certificate, const struct fixture_chain *chain) {
	uint8_t name[34] = { 0x16 }, chip[SNP_CHIP_BYTES];
	const char *product = chain->product_name != NULL ? chain->product_name
							  : snp_product_name(chain->product);
	name[1] = (uint8_t)strlen(product);
	memcpy(name + 2, product, name[1]);
	make_amd(certificate, chain, "2", (struct bytes){ name, name[1] + 2u });
	make_levels(certificate, chain);
	fixture_chip(chip, chain->product);
	if (chain->signer == SNP_SIGNER_VCEK) {
		size_t size = chain->product == SNP_PRODUCT_TURIN ? 8 : SNP_CHIP_BYTES;
		make_amd(certificate, chain, "4", (struct bytes){ chip, size - chain->short_chip });
	}
}

static void make_sign(X509 *certificate, EVP_PKEY *key, const struct fixture_chain *chain) {
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *parameters;
	const EVP_MD *digest = chain->sha256 ? EVP_sha256() : EVP_sha384();
	assert_int_equal(EVP_DigestSignInit(context, &parameters, digest, NULL, key), 1);
	if (!chain->pkcs1) {
		assert_true(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) > 0);
		assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, 48) > 0);
	}
	assert_true(X509_sign_ctx(certificate, context) > 0);
	EVP_MD_CTX_free(context);
}

static void make_put(struct certificates *out, enum certificate which, X509 *certificate) {
	uint8_t *der = NULL;
	struct error err;
	int size = i2d_X509(certificate, &der);
	assert_true(size > 0);
	assert_true(certificates_set(out, which, (struct bytes){ der, (size_t)size }, &err));
	OPENSSL_free(der);
	X509_free(certificate);
}

static void make_authority(X509 *certificate, const struct fixture_chain *chain) {
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints,
			chain->no_authority ? "critical,CA:FALSE" : "critical,CA:TRUE");
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

/* --- a chain -----------------------------------------------------------------------------------
 */

struct names {
	char ark[32], ask[32], leaf[32];
};

static struct names names_of(const struct fixture_chain *chain) {
	struct names names;
	bool vlek = chain->signer == SNP_SIGNER_VLEK;
	const char *product = snp_product_name(chain->product);
	(void)snprintf(names.ark, sizeof(names.ark), "ARK-%s", product);
	(void)snprintf(names.ask, sizeof(names.ask), "SEV-%s%s", vlek ? "VLEK-" : "", product);
	(void)snprintf(names.leaf, sizeof(names.leaf), "SEV-%s", vlek ? "VLEK" : "VCEK");
	const struct {
		const char *given;
		char *place;
	} rows[] = { { chain->ark_name, names.ark }, { chain->ask_name, names.ask },
		{ chain->leaf_name, names.leaf } };
	for (size_t i = 0; i < 3; i++) {
		if (rows[i].given != NULL) {
			(void)snprintf(rows[i].place, sizeof(names.ark), "%s", rows[i].given);
		}
	}
	return names;
}

static void make_root(EVP_PKEY *ark, enum snp_product product, struct roots *roots) {
	uint8_t *der = NULL;
	int size = i2d_PUBKEY(ark, &der);
	*roots = (struct roots){ .count = 1 };
	roots->items[0].product = product;
	digest_of(der, (size_t)size, roots->items[0].key);
	OPENSSL_free(der);
}

static enum fixture_key leaf_key(const struct fixture_chain *chain) {
	return chain->rsa_leaf ? KEY_ASK : chain->signer == SNP_SIGNER_VLEK ? KEY_VLEK : KEY_VCEK;
}

/* ASK and leaf are as the chain says, the ARK always as it should be. */
static void make_certificates(
		const struct fixture_chain *chain, EVP_PKEY *const *keys, X509 *made[3]) {
	static const struct fixture_chain right = { 0 };
	struct names names = names_of(chain);
	EVP_PKEY *ask = keys[chain->signer == SNP_SIGNER_VLEK ? KEY_ASVK : KEY_ASK];
	made[0] = make_certificate(names.ark, names.ark, keys[KEY_ARK], NULL);
	made[1] = make_certificate(names.ask, names.ark, ask, NULL);
	made[2] = make_certificate(names.leaf, names.ask, keys[leaf_key(chain)], chain->not_after);
	make_authority(made[0], &right);
	make_authority(made[1], chain);
	make_extensions(made[2], chain);
	make_sign(made[0], keys[KEY_ARK], &right);
	make_sign(made[1], keys[chain->own_ask ? KEY_ASK : KEY_ARK], &right);
	make_sign(made[2], chain->by_root ? keys[KEY_ARK] : ask, chain);
}

void fixture_certify(
		const struct fixture_chain *chain, struct certificates *out, struct roots *roots) {
	EVP_PKEY *keys[FIXTURE_KEYS_COUNT];
	X509 *made[3];
	for (int i = 0; i < FIXTURE_KEYS_COUNT; i++) {
		keys[i] = make_key((enum fixture_key)i);
	}
	certificates_init(out);
	make_root(keys[KEY_ARK], chain->product, roots);
	make_certificates(chain, keys, made);
	make_put(out, CERTIFICATE_ARK, made[0]);
	make_put(out, CERTIFICATE_ASK, made[1]);
	make_put(out, chain->signer == SNP_SIGNER_VLEK ? CERTIFICATE_VLEK : CERTIFICATE_VCEK,
			made[2]);
	for (int i = 0; i < FIXTURE_KEYS_COUNT; i++) {
		EVP_PKEY_free(keys[i]);
	}
}

static void add_serial(X509_CRL *crl, long serial) {
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	ASN1_TIME *when = ASN1_TIME_set(NULL, 1700000000);
	assert_int_equal(ASN1_INTEGER_set(number, serial), 1);
	assert_int_equal(X509_REVOKED_set_serialNumber(entry, number), 1);
	assert_int_equal(X509_REVOKED_set_revocationDate(entry, when), 1);
	assert_int_equal(X509_CRL_add0_revoked(crl, entry), 1);
	ASN1_INTEGER_free(number);
	ASN1_TIME_free(when);
}

void fixture_revoke(enum snp_product product, long serial, const char *until, bool forged,
		struct buf *out) {
	struct error err;
	uint8_t *der = NULL;
	struct names names = names_of(&(struct fixture_chain){ .product = product });
	X509_CRL *crl = X509_CRL_new();
	X509_NAME *issuer = make_name(names.ark);
	ASN1_TIME *begin = ASN1_TIME_set(NULL, 1700000000), *end = ASN1_TIME_new();
	EVP_PKEY *key = make_key(forged ? KEY_ASK : KEY_ARK);
	assert_int_equal(ASN1_TIME_set_string_X509(end, until), 1);
	assert_int_equal(X509_CRL_set_version(crl, 1), 1);
	assert_int_equal(X509_CRL_set_issuer_name(crl, issuer), 1);
	assert_int_equal(X509_CRL_set1_lastUpdate(crl, begin), 1);
	assert_int_equal(X509_CRL_set1_nextUpdate(crl, end), 1);
	add_serial(crl, serial);
	assert_true(X509_CRL_sign(crl, key, EVP_sha384()) > 0);
	int size = i2d_X509_CRL(crl, &der);
	assert_true(size > 0 && buf_append(out, der, (size_t)size, &err));
	OPENSSL_free(der);
	ASN1_TIME_free(begin);
	ASN1_TIME_free(end);
	X509_NAME_free(issuer);
	X509_CRL_free(crl);
	EVP_PKEY_free(key);
}

/* --- a report ----------------------------------------------------------------------------------
 */

static void put_little(uint8_t *out, uint64_t value, size_t size) {
	for (size_t i = 0; i < size; i++) {
		out[i] = (uint8_t)(value >> 8 * i);
	}
}

void fixture_report(const struct fixture_chain *chain, uint32_t version,
		uint8_t report[SNP_REPORT_BYTES]) {
	static const uint8_t cpus[SNP_PRODUCTS][3] = { [SNP_PRODUCT_MILAN] = { 0x19, 0x01, 1 },
		[SNP_PRODUCT_GENOA] = { 0x19, 0x11, 1 },
		[SNP_PRODUCT_TURIN] = { 0x1a, 0x02, 1 } };
	memset(report, 0, SNP_REPORT_BYTES);
	put_little(report, version, 4);
	put_little(report + 0x008, 0x30000, 8); /* SMT, and the bit that is always there */
	put_little(report + 0x034, 1, 4);
	put_little(report + 0x048, (uint64_t)chain->signer << 2, 4);
	memset(report + SNP_DATA_AT, 0xda, EVIDENCE_DATA_BYTES);
	memset(report + 0x090, 0x3e, SNP_MEASUREMENT_BYTES);
	put_little(report + 0x180, fixture_tcb(chain->product), 8);
	fixture_chip(report + 0x1a0, chain->product);
	if (version >= 3) {
		memcpy(report + 0x188, cpus[chain->product], 3);
	}
	put_little(report + 0x1f8, version >= 5 ? 3 : 0, 8);
	fixture_report_sign(chain->signer, report);
}

void fixture_report_sign(enum snp_signer signer, uint8_t report[SNP_REPORT_BYTES]) {
	EVP_PKEY *key = make_key(signer == SNP_SIGNER_VLEK ? KEY_VLEK : KEY_VCEK);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t der[128];
	const uint8_t *at = der;
	size_t size = sizeof(der);
	assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha384(), NULL, key), 1);
	assert_int_equal(EVP_DigestSign(context, der, &size, report, SNP_SIGNED_BYTES), 1);
	ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)size);
	assert_non_null(signature);
	uint8_t *field = report + SNP_SIGNED_BYTES;
	memset(field, 0, SNP_SIGNATURE_BYTES);
	assert_int_equal(BN_bn2lebinpad(ECDSA_SIG_get0_r(signature), field, 72), 72);
	assert_int_equal(BN_bn2lebinpad(ECDSA_SIG_get0_s(signature), field + 72, 72), 72);
	ECDSA_SIG_free(signature);
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
}
