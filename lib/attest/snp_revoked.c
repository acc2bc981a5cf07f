/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/snp_revoked.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

static X509_CRL *parse(struct bytes list) {
	const uint8_t *at = list.data;
	X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)list.size);
	if (crl == NULL) {
		BIO *bio = BIO_new_mem_buf(list.data, (int)list.size);
		crl = bio != NULL ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL) : NULL;
		BIO_free(bio);
	}
	return crl;
}

static bool is_of(X509_CRL *crl, const X509 *ark) {
	return X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(ark)) == 0 &&
	       X509_CRL_verify(crl, X509_get0_pubkey(ark)) == 1;
}

/* One that ends nowhere could hide what came after it. */
static bool is_current(const X509_CRL *crl, int64_t at_ns) {
	time_t at = (time_t)(at_ns / 1000000000);
	const ASN1_TIME *end = X509_CRL_get0_nextUpdate(crl);
	return X509_cmp_time(X509_CRL_get0_lastUpdate(crl), &at) < 0 && end != NULL &&
	       X509_cmp_time(end, &at) > 0;
}

static bool names(X509_CRL *crl, const X509 *certificate) {
	X509_REVOKED *entry;
	return X509_CRL_get0_by_serial(crl, &entry, X509_get0_serialNumber(certificate)) != 0;
}

static bool check(const struct snp_chain *chain, X509_CRL *crl, int64_t at_ns,
		struct verdict *verdict) {
	if (!is_of(crl, chain->ark)) {
		return verdict_set(verdict, VERDICT_CRL, "it is not signed by the ark");
	}
	if (!is_current(crl, at_ns)) {
		return verdict_set(verdict, VERDICT_CRL, "it is of another time");
	}
	return (!names(crl, chain->ask) && !names(crl, chain->ark)) ||
	       verdict_set(verdict, VERDICT_REVOKED, "%s", "");
}

bool snp_revoked_check(const struct snp_chain *chain, struct bytes list, int64_t at_ns,
		struct verdict *verdict) {
	if (list.size == 0) {
		return true;
	}
	X509_CRL *crl = list.size <= INT32_MAX ? parse(list) : NULL;
	if (crl == NULL) {
		return verdict_set(verdict, VERDICT_CRL, "it is no revocation list");
	}
	bool good = check(chain, crl, at_ns, verdict);
	X509_CRL_free(crl);
	return good;
}
