/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* For tests that speak TLS: authorities and certificates made on the spot, as PEM. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { A_DAY = 24 * 60 * 60 };

struct made {
	X509 *cert;
	EVP_PKEY *key;
};

/* What is asked for. {0} with a name: an authority, valid from yesterday until tomorrow. */
struct wish {
	const char *name;
	const struct made *issuer; /* NULL: itself, an authority */
	const char *hosts;         /* "DNS:localhost,IP:127.0.0.1", or NULL */
	long begin, end;           /* seconds from now; 0, 0: yesterday and tomorrow */
	bool authority;            /* may issue, even with an issuer */
	const char *purpose;       /* "serverAuth", or NULL: any */
};

static inline bool made_extend(X509 *cert, const X509 *issuer, int which, const char *value) {
	X509V3_CTX context;
	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, (X509 *)(uintptr_t)issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, which, value);
	bool added = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return added;
}

static inline void made_finish(struct made *made) {
	X509_free(made->cert);
	EVP_PKEY_free(made->key);
	*made = (struct made){ 0 };
}

/* Ends the program when OpenSSL cannot: then there is nothing to test. */
static inline struct made make_certificate(const struct wish *wish) {
	struct made made = { X509_new(), EVP_EC_gen("P-256") };
	bool plain = wish->begin == 0 && wish->end == 0;
	const struct made *issuer = wish->issuer != NULL ? wish->issuer : &made;
	X509_NAME *name = X509_get_subject_name(made.cert);
	static long serial;
	bool ok = X509_set_version(made.cert, X509_VERSION_3) &&
		  ASN1_INTEGER_set(X509_get_serialNumber(made.cert), ++serial) &&
		  X509_gmtime_adj(X509_getm_notBefore(made.cert), plain ? -A_DAY : wish->begin) &&
		  X509_gmtime_adj(X509_getm_notAfter(made.cert), plain ? A_DAY : wish->end) &&
		  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
				  (const unsigned char *)wish->name, -1, -1, 0) &&
		  X509_set_issuer_name(made.cert, X509_get_subject_name(issuer->cert)) &&
		  X509_set_pubkey(made.cert, made.key) &&
		  made_extend(made.cert, issuer->cert, NID_basic_constraints,
				  wish->authority || wish->issuer == NULL ? "critical,CA:TRUE"
									  : "CA:FALSE") &&
		  (wish->hosts == NULL || made_extend(made.cert, issuer->cert, NID_subject_alt_name,
							  wish->hosts)) &&
		  (wish->purpose == NULL || made_extend(made.cert, issuer->cert, NID_ext_key_usage,
							    wish->purpose)) &&
		  X509_sign(made.cert, issuer->key, EVP_sha256());
	if (!ok) {
		abort();
	}
	return made;
}

static inline char *made_take(BIO *bio) {
	char *bytes;
	long size = BIO_get_mem_data(bio, &bytes);
	char *text = mem_copy(bytes, (size_t)size);
	(void)BIO_free(bio);
	return text;
}

/* The PEM texts belong to the caller. */
static inline char *made_cert(const struct made *made) {
	BIO *bio = BIO_new(BIO_s_mem());
	(void)PEM_write_bio_X509(bio, made->cert);
	return made_take(bio);
}

static inline char *made_key(const struct made *made, const char *password) {
	BIO *bio = BIO_new(BIO_s_mem());
	(void)PEM_write_bio_PKCS8PrivateKey(bio, made->key,
			password != NULL ? EVP_aes_128_cbc() : NULL, password,
			password != NULL ? (int)strlen(password) : 0, NULL, NULL);
	return made_take(bio);
}
