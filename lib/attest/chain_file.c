/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/chain_file.h"

#include <jansson.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/base64.h"

/* The first prefix that fits. */
static const struct {
	const char *prefix;
	enum certificate which;
} names[] = { { "ARK-", CERTIFICATE_ARK }, { "SEV-VCEK", CERTIFICATE_VCEK },
	{ "SEV-VLEK-", CERTIFICATE_ASK }, { "SEV-VLEK", CERTIFICATE_VLEK },
	{ "SEV-", CERTIFICATE_ASK } };

static bool find(const X509 *certificate, enum certificate *which) {
	char name[64];
	if (X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name,
			    sizeof(name)) <= 0) {
		return false;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strncmp(name, names[i].prefix, strlen(names[i].prefix)) == 0) {
			*which = names[i].which;
			return true;
		}
	}
	return false;
}

static bool take(struct certificates *out, X509 *certificate, struct error *err) {
	uint8_t *der = NULL;
	enum certificate which;
	int size = i2d_X509(certificate, &der);
	bool done = size > 0 && find(certificate, &which)
				    ? certificates_set(out, which,
						      (struct bytes){ der, (size_t)size }, err)
				    : error_set(err, ERROR_INVALID,
						      "a certificate that is none of AMD's for SEV "
						      "(ARK, "
						      "ASK, VCEK, VLEK)");
	OPENSSL_free(der);
	return done;
}

static bool read_pem(
		struct certificates *out, struct bytes file, size_t *count, struct error *err) {
	BIO *bio = BIO_new_mem_buf(file.data, (int)file.size);
	X509 *certificate;
	bool done = true;
	while (done && bio != NULL &&
			(certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		done = take(out, certificate, err);
		X509_free(certificate);
		*count += 1;
	}
	BIO_free(bio);
	return done;
}

static bool read_der(
		struct certificates *out, struct bytes file, size_t *count, struct error *err) {
	const uint8_t *at = file.data;
	X509 *certificate = d2i_X509(NULL, &at, (long)file.size);
	if (certificate == NULL || at != file.data + file.size) {
		X509_free(certificate);
		return true; /* none */
	}
	*count = 1;
	bool done = take(out, certificate, err);
	X509_free(certificate);
	return done;
}

/* {"certificates":{"vcek":"<base64>",…}}, as a receipt has them as well. */
static bool read_json(
		struct certificates *out, struct bytes file, size_t *count, struct error *err) {
	json_t *root = json_loadb((const char *)file.data, file.size, JSON_REJECT_DUPLICATES, NULL);
	const json_t *map = json_object_get(root, "certificates");
	bool done = true;
	for (enum certificate i = 0; done && i < CERTIFICATES; i++) {
		const json_t *text = json_object_get(map, certificate_name(i));
		if (json_is_string(text)) {
			buf_clear(&out->items[i]);
			done = base64_decode(json_string_value(text), json_string_length(text),
					&out->items[i], err);
			*count += 1;
		}
	}
	json_decref(root);
	return done;
}

static bool read_any(
		struct certificates *out, struct bytes file, size_t *count, struct error *err) {
	if (file.size == 0) {
		return true;
	}
	if (file.data[0] == '{') {
		return read_json(out, file, count, err);
	}
	return read_der(out, file, count, err) && (*count != 0 || read_pem(out, file, count, err));
}

bool chain_file_read(struct certificates *out, struct bytes file, struct error *err) {
	size_t count = 0;
	if (file.size > CHAIN_FILE_MAX) {
		return error_set(err, ERROR_TOO_LARGE, "%zu bytes are too many for certificates",
				file.size);
	}
	bool done = read_any(out, file, &count, err);
	ERR_clear_error();
	return done && (count != 0 || error_set(err, ERROR_INVALID,
						      "no certificate, neither in DER nor in PEM "
						      "nor as an executor's"));
}
