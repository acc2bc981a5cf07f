/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * For the tests of this folder: public evidence of real hardware, and chains and reports of our
 * own below a root that only these tests trust. Both from the Go module go-sev-guest, which
 * tools/setup fetches (tests/data.txt); its keys are made for tests and known to everybody.
 * What fails here fails the test.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "attest/snp.h"

#define FIXTURE_DATA "go-sev-guest-0.15.0"
#define FIXTURE_KEYS "go-sev-guest-keys-0.15.0"
#define FIXTURE_NOW "2026-11-20T12:00:00Z"

/* Appends a file of the cache. */
void fixture_read(const char *folder, const char *name, struct buf *out);
/* Appends the n-th certificate of a PEM file with several. */
void fixture_pick(const struct buf *pem, int number, struct buf *out);
/* A real report of a Milan that was left to debug, its VCEK, and AMD's chain. */
void fixture_public(struct buf *report, struct certificates *certificates);
int64_t fixture_time(const char *text);

/* What a chain is made of; what is wrong with it, if something is. */
struct fixture_chain {
	enum snp_product product;
	enum snp_signer signer;
	uint64_t tcb; /* 0: as fixture_report() has it */
	const char *ark_name, *ask_name, *leaf_name, *product_name; /* NULL: the right ones */
	const char *not_after;                                      /* of the leaf; NULL: 2040 */
	const char *without, *twice; /* an extension's OID below AMD's arc */
	bool by_root, own_ask;       /* leaf signed by the ARK; ASK signed by itself */
	bool sha256, pkcs1;          /* how the leaf is signed */
	bool no_authority, level_as_text, short_chip, rsa_leaf;
};

/* The whole chain, below the ARK of the tests, and that as the only root. */
void fixture_certify(
		const struct fixture_chain *chain, struct certificates *out, struct roots *roots);
/* A signed report that fits a right chain. */
void fixture_report(const struct fixture_chain *chain, uint32_t version,
		uint8_t report[SNP_REPORT_BYTES]);
/* Signs it anew. */
void fixture_report_sign(enum snp_signer signer, uint8_t report[SNP_REPORT_BYTES]);
uint64_t fixture_tcb(enum snp_product product);
void fixture_chip(uint8_t chip[SNP_CHIP_BYTES], enum snp_product product);
/* A revocation list of a product's ARK, in DER, with this serial number in it (every certificate of
 * fixture_certify() has 1), until this time; by another key if `forged`. */
void fixture_revoke(enum snp_product product, long serial, const char *until, bool forged,
		struct buf *out);
