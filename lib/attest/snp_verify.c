/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "attest/snp.h"
#include "attest/snp_chain.h"

enum { NUMBER_BYTES = 72 }; /* r and s, little-endian */

/* --- report and certificate --------------------------------------------------------------------
 */

static bool check_product(const struct snp_report *report, const struct snp_chain *chain,
		struct verdict *verdict) {
	return report->version < 3 || report->product == chain->product ||
	       verdict_set(verdict, VERDICT_PRODUCT, "family 0x%x, model 0x%x under a chain of %s",
			       report->family, report->model, snp_product_name(chain->product));
}

static bool check_tcb(const struct snp_report *report, const struct snp_chain *chain,
		struct verdict *verdict) {
	return report->reported_tcb == chain->tcb ||
	       verdict_set(verdict, VERDICT_TCB, "0x%016llx in the report, 0x%016llx certified",
			       (unsigned long long)report->reported_tcb,
			       (unsigned long long)chain->tcb);
}

/* Turin has chips of 8 bytes, which are the first ones of the report's 64, the rest 0. */
static bool check_chip(const struct snp_report *report, const struct snp_chain *chain,
		struct verdict *verdict) {
	return report->signer == SNP_SIGNER_VLEK ||
	       memcmp(report->chip_id, chain->chip, SNP_CHIP_BYTES) == 0 ||
	       verdict_set(verdict, VERDICT_CHIP, "%s", "");
}

/* r and s in DER, as OpenSSL wants them; the size, 0 without memory. */
static int signature_der(const uint8_t *field, uint8_t **der) {
	ECDSA_SIG *signature = ECDSA_SIG_new();
	BIGNUM *r = BN_lebin2bn(field, NUMBER_BYTES, NULL);
	BIGNUM *s = BN_lebin2bn(field + NUMBER_BYTES, NUMBER_BYTES, NULL);
	int size = 0;
	if (signature != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(signature, r, s) == 1) {
		r = s = NULL; /* they are the signature's now */
		size = i2d_ECDSA_SIG(signature, der);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(signature);
	return size > 0 ? size : 0;
}

static bool check_signature(const struct snp_report *report, const struct snp_chain *chain,
		struct verdict *verdict) {
	uint8_t *der = NULL;
	int size = signature_der(report->bytes + SNP_SIGNED_BYTES, &der);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool fits = size != 0 && context != NULL &&
		    EVP_DigestVerifyInit(context, NULL, EVP_sha384(), NULL,
				    X509_get0_pubkey(chain->leaf)) == 1 &&
		    EVP_DigestVerify(context, der, (size_t)size, report->bytes, SNP_SIGNED_BYTES) ==
				    1;
	EVP_MD_CTX_free(context);
	OPENSSL_free(der);
	return fits || verdict_set(verdict, VERDICT_SIGNATURE, "%s", "");
}

/* --- what the verifier asks for ----------------------------------------------------------------
 */

static bool check_guest(const struct snp_report *report, const struct snp_policy *policy,
		struct verdict *verdict) {
	if ((report->policy & SNP_POLICY_DEBUG) != 0 && !policy->allow_debug) {
		return verdict_set(verdict, VERDICT_DEBUG, "policy 0x%llx",
				(unsigned long long)report->policy);
	}
	if ((report->policy & SNP_POLICY_MIGRATE_MA) != 0 && !policy->allow_migration) {
		return verdict_set(verdict, VERDICT_MIGRATION, "policy 0x%llx",
				(unsigned long long)report->policy);
	}
	return report->vmpl <= policy->most_vmpl ||
	       verdict_set(verdict, VERDICT_VMPL, "VMPL %u, at most %u is asked for", report->vmpl,
			       policy->most_vmpl);
}

static bool check_minimum(const struct snp_report *report, enum snp_product product,
		const struct snp_policy *policy, struct verdict *verdict) {
	struct snp_tcb have = snp_tcb(report->reported_tcb, product), least = policy->minimum_tcb;
	const struct {
		const char *name;
		uint8_t have, least;
	} rows[] = { { "FMC", have.fmc, least.fmc },
		{ "boot loader", have.boot_loader, least.boot_loader },
		{ "TEE", have.tee, least.tee }, { "SNP", have.snp, least.snp },
		{ "microcode", have.microcode, least.microcode } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].have < rows[i].least) {
			return verdict_set(verdict, VERDICT_MINIMUM_TCB,
					"%s %u, at least %u is asked for", rows[i].name,
					rows[i].have, rows[i].least);
		}
	}
	return true;
}

static bool check_measurement(const struct snp_report *report, const struct snp_policy *policy,
		struct verdict *verdict) {
	for (size_t i = 0; i < policy->measurement_count; i++) {
		if (memcmp(report->measurement, policy->measurements[i], SNP_MEASUREMENT_BYTES) ==
				0) {
			return true;
		}
	}
	return policy->measurements == NULL || verdict_set(verdict, VERDICT_MEASUREMENT, "%s", "");
}

static bool check_data(const struct snp_report *report, const struct snp_policy *policy,
		struct verdict *verdict) {
	if (policy->host_data != NULL &&
			memcmp(report->host_data, policy->host_data, SNP_HOST_DATA_BYTES) != 0) {
		return verdict_set(verdict, VERDICT_HOST_DATA, "%s", "");
	}
	return policy->data == NULL ||
	       memcmp(report->data, policy->data, EVIDENCE_DATA_BYTES) == 0 ||
	       verdict_set(verdict, VERDICT_REPORT_DATA, "%s", "");
}

bool snp_verify(struct bytes bytes, const struct certificates *certificates,
		const struct snp_policy *policy, struct verdict *verdict) {
	struct snp_report report;
	if (!snp_parse(bytes, &report, verdict)) {
		return false;
	}
	struct snp_chain chain;
	bool good = snp_chain_open(&chain, certificates, &report, policy, verdict) &&
		    check_product(&report, &chain, verdict) &&
		    check_tcb(&report, &chain, verdict) && check_chip(&report, &chain, verdict) &&
		    check_signature(&report, &chain, verdict) &&
		    check_guest(&report, policy, verdict) &&
		    check_minimum(&report, chain.product, policy, verdict) &&
		    check_measurement(&report, policy, verdict) &&
		    check_data(&report, policy, verdict) &&
		    verdict_set(verdict, VERDICT_VERIFIED, "AMD %s, signed by its %s",
				    snp_product_name(chain.product),
				    report.signer == SNP_SIGNER_VLEK ? "VLEK" : "VCEK");
	snp_chain_finish(&chain);
	ERR_clear_error(); /* what OpenSSL noted on the way is in the verdict */
	return good;
}
