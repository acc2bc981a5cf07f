/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An SEV-SNP report verified from its bytes, by lib/attest and by the bare calls of OpenSSL that no
 * verifier can do without (three certificates parsed, their signatures, the report's), and these
 * signatures alone, with all parsed and every key used before:
 *
 *   verifying REPORT VCEK CHAIN MILLISECONDS
 *
 * In turns, each for some CPU time. Prints three numbers per second of CPU time: signatures,
 * bare calls, ours.
 */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "attest/chain_file.h"
#include "attest/snp.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"

struct given {
	struct buf report;
	struct certificates certificates;
	struct snp_policy policy;
	X509 *chain[CERTIFICATES];
	uint8_t *signature; /* in DER */
	size_t signature_size;
};

static void must(bool done, const struct error *err) {
	if (!done) {
		(void)fprintf(stderr, "verifying: %s\n",
				err != NULL ? err->message : "it is false");
		exit(1);
	}
}

static double cpu_ms(void) {
	struct timespec now;
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void read_chain(struct given *given, const char *path) {
	struct error err;
	struct buf file = BUF_INIT(CHAIN_FILE_MAX);
	must(file_read(path, &file, &err), &err);
	must(chain_file_read(&given->certificates, (struct bytes){ file.data, file.size }, &err),
			&err);
	buf_finish(&file);
}

static X509 *parse(const struct given *given, enum certificate which) {
	struct bytes der = certificates_get(&given->certificates, which);
	const uint8_t *at = der.data;
	X509 *certificate = d2i_X509(NULL, &at, (long)der.size);
	must(certificate != NULL, NULL);
	return certificate;
}

static void parse_all(const struct given *given, X509 *chain[CERTIFICATES]) {
	chain[CERTIFICATE_ARK] = parse(given, CERTIFICATE_ARK);
	chain[CERTIFICATE_ASK] = parse(given, CERTIFICATE_ASK);
	chain[CERTIFICATE_VCEK] = parse(given, CERTIFICATE_VCEK);
}

static void prepare(struct given *given, char **argv) {
	struct error err;
	const uint8_t *field;
	given->report = BUF_INIT(EVIDENCE_REPORT_MAX);
	certificates_init(&given->certificates);
	must(file_read(argv[1], &given->report, &err), &err);
	must(given->report.size == SNP_REPORT_BYTES, NULL);
	read_chain(given, argv[2]);
	read_chain(given, argv[3]);
	given->policy = (struct snp_policy){ .allow_debug = true };
	must(clock_parse("2026-11-20T12:00:00Z", &given->policy.at_ns), NULL);
	parse_all(given, given->chain);
	field = given->report.data + SNP_SIGNED_BYTES;
	ECDSA_SIG *signature = ECDSA_SIG_new();
	must(ECDSA_SIG_set0(signature, BN_lebin2bn(field, 72, NULL),
			     BN_lebin2bn(field + 72, 72, NULL)) == 1,
			NULL);
	int size = i2d_ECDSA_SIG(signature, &given->signature);
	must(size > 0, NULL);
	given->signature_size = (size_t)size;
	ECDSA_SIG_free(signature);
}

static void verify_with(const struct given *given, X509 *const *chain) {
	EVP_PKEY *ark = X509_get0_pubkey(chain[CERTIFICATE_ARK]);
	must(X509_verify(chain[CERTIFICATE_ARK], ark) == 1, NULL);
	must(X509_verify(chain[CERTIFICATE_ASK], ark) == 1, NULL);
	must(X509_verify(chain[CERTIFICATE_VCEK], X509_get0_pubkey(chain[CERTIFICATE_ASK])) == 1,
			NULL);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	must(EVP_DigestVerifyInit(context, NULL, EVP_sha384(), NULL,
			     X509_get0_pubkey(chain[CERTIFICATE_VCEK])) == 1 &&
					EVP_DigestVerify(context, given->signature,
							given->signature_size, given->report.data,
							SNP_SIGNED_BYTES) == 1,
			NULL);
	EVP_MD_CTX_free(context);
}

static void verify_signatures(const struct given *given) {
	verify_with(given, given->chain);
}

static void verify_bare(const struct given *given) {
	X509 *chain[CERTIFICATES];
	parse_all(given, chain);
	verify_with(given, chain);
	X509_free(chain[CERTIFICATE_ARK]);
	X509_free(chain[CERTIFICATE_ASK]);
	X509_free(chain[CERTIFICATE_VCEK]);
}

static void verify_ours(const struct given *given) {
	struct verdict verdict;
	must(snp_verify((struct bytes){ given->report.data, given->report.size },
			     &given->certificates, &given->policy, &verdict),
			NULL);
}

struct pace {
	void (*verify)(const struct given *given);
	double spent;
	long count;
};

/* So many that the clock's own cost is nothing. */
static void step(struct pace *pace, const struct given *given) {
	enum { AT_ONCE = 10 };
	double begin = cpu_ms();
	for (int i = 0; i < AT_ONCE; i++) {
		pace->verify(given);
	}
	pace->spent += cpu_ms() - begin;
	pace->count += AT_ONCE;
}

int main(int argc, char **argv) {
	struct error err;
	uint64_t ms = 0;
	struct given given = { 0 };
	struct pace paces[] = { { verify_signatures, 0, 0 }, { verify_bare, 0, 0 },
		{ verify_ours, 0, 0 } };
	if (argc != 5 || !str_to_u64(argv[4], &ms, &err)) {
		(void)fputs("verifying REPORT VCEK CHAIN MILLISECONDS\n", stderr);
		return 2;
	}
	prepare(&given, argv);
	verify_ours(&given); /* and what OpenSSL looks up once */
	while (paces[0].spent < (double)ms) {
		for (int i = 0; i < 3; i++) {
			step(&paces[i], &given);
		}
	}
	for (int i = 0; i < 3; i++) {
		(void)printf("%.1f\n", (double)paces[i].count / paces[i].spent * 1e3);
	}
	return 0;
}
