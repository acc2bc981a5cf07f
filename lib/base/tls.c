/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"

enum { CERTIFICATES_MAX = 1024 * 1024, TIME_MAX = 64 };

static bool given(const struct tls_file *file) {
	return file->path != NULL && file->path[0] != '\0';
}

/* "setting NAME: FILE words" */
static bool refuse(const struct tls_file *file, const char *words, struct error *err) {
	return error_set(err, ERROR_INVALID, "setting %s: %.400s %s", file->setting, file->path,
			words);
}

static void bio_free(BIO **bio) {
	(void)BIO_free(*bio);
}

static void x509_free(X509 **cert) {
	X509_free(*cert);
}

static void pkey_free(EVP_PKEY **key) {
	EVP_PKEY_free(*key);
}

/* Else OpenSSL would ask for a password on the terminal. */
static int no_password(char *password, int size, int writing, void *context) {
	(void)password, (void)size, (void)writing, (void)context;
	return -1;
}

static BIO *open_text(const char *text) {
	return BIO_new_mem_buf(text, -1);
}

/* True when every certificate of the text can be read and there is one. */
static bool certificates_valid(const char *text) {
	CLEANUP(bio_free) BIO *bio = open_text(text);
	size_t count = 0;
	for (;;) {
		CLEANUP(x509_free) X509 *cert = PEM_read_bio_X509(bio, NULL, no_password, NULL);
		if (cert == NULL) {
			break;
		}
		count++;
	}
	bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	return ended && count != 0;
}

static char *read_certificates(const struct tls_file *file, struct error *err) {
	struct secret_content content;
	if (!secret_read_content(file->path, "certificate file", CERTIFICATES_MAX, &content, err)) {
		err->code = ERROR_INVALID;
		(void)error_wrap(err, "setting %s", file->setting);
		return NULL;
	}
	if (!certificates_valid(content.bytes)) {
		secret_wipe_content(&content);
		(void)refuse(file,
				"does not hold certificates in PEM (-----BEGIN CERTIFICATE-----), "
				"or "
				"one of them is damaged",
				err);
		return NULL;
	}
	return content.bytes;
}

static char *read_key(const struct tls_file *file, struct error *err) {
	char *text = secret_read(file->path, err);
	if (text == NULL) {
		(void)error_wrap(err, "setting %s", file->setting);
	}
	return text;
}

static EVP_PKEY *parse_key(const struct tls_file *file, const char *text, struct error *err) {
	CLEANUP(bio_free) BIO *bio = open_text(text);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	ERR_clear_error();
	if (key == NULL) {
		(void)refuse(file,
				strstr(text, "ENCRYPTED") != NULL
						? "holds an encrypted key, and nobody is here to "
						  "type its password; write an unencrypted one "
						  "(openssl pkey -in OLD -out NEW; chmod 600 NEW)"
						: "does not hold a private key in PEM "
						  "(-----BEGIN PRIVATE KEY-----)",
				err);
	}
	return key;
}

static void warn_of_time(const char *path, const X509 *cert) {
	const ASN1_TIME *begin = X509_get0_notBefore(cert), *end = X509_get0_notAfter(cert);
	bool early = X509_cmp_current_time(begin) > 0, late = X509_cmp_current_time(end) < 0;
	if (!early && !late) {
		return;
	}
	char when[TIME_MAX] = "";
	CLEANUP(bio_free) BIO *bio = BIO_new(BIO_s_mem());
	(void)ASN1_TIME_print(bio, early ? begin : end);
	(void)BIO_read(bio, when, sizeof(when) - 1);
	log_warn("%s; others will refuse it file=%s when=\"%s\"",
			early ? "the certificate is not valid yet" : "the certificate has expired",
			path, when);
}

/* The own certificate is the first of its file. */
static bool check_pair(
		const struct tls_files *files, const struct tls_parts *parts, struct error *err) {
	CLEANUP(bio_free) BIO *bio = open_text(parts->cert);
	CLEANUP(x509_free) X509 *cert = PEM_read_bio_X509(bio, NULL, no_password, NULL);
	CLEANUP(pkey_free) EVP_PKEY *key = parse_key(&files->key, parts->key, err);
	if (key == NULL) {
		return false;
	}
	bool fits = X509_check_private_key(cert, key) == 1;
	ERR_clear_error();
	if (!fits) {
		return error_set(err, ERROR_INVALID,
				"setting %s: the key in %.300s is not the key of the certificate "
				"in "
				"%.300s (%s); name the two files that were made together",
				files->key.setting, files->key.path, files->cert.path,
				files->cert.setting);
	}
	warn_of_time(files->cert.path, cert);
	return true;
}

static bool read_pair(const struct tls_files *files, struct tls_parts *parts, struct error *err) {
	bool has_cert = given(&files->cert), has_key = given(&files->key);
	if (has_cert != has_key) {
		const struct tls_file *there = has_cert ? &files->cert : &files->key;
		const struct tls_file *missing = has_cert ? &files->key : &files->cert;
		return error_set(err, ERROR_INVALID,
				"setting %s: it goes together with %s; set both of them or neither",
				there->setting, missing->setting);
	}
	if (!has_cert) {
		return true;
	}
	parts->cert = read_certificates(&files->cert, err);
	parts->key = parts->cert != NULL ? read_key(&files->key, err) : NULL;
	return parts->key != NULL && check_pair(files, parts, err);
}

bool tls_read(const struct tls_files *files, struct tls_parts *parts, struct error *err) {
	*parts = (struct tls_parts){ 0 };
	if (given(&files->ca)) {
		parts->ca = read_certificates(&files->ca, err);
	}
	if ((given(&files->ca) && parts->ca == NULL) || !read_pair(files, parts, err)) {
		tls_finish(parts);
		return false;
	}
	return true;
}

void tls_finish(struct tls_parts *parts) {
	mem_freep(&parts->ca);
	mem_freep(&parts->cert);
	secret_wipe(&parts->key);
	*parts = (struct tls_parts){ 0 };
}
