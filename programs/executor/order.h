/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An order is one call on its way through the executor: what is asked, what has come of it, and
 * how it is answered. It is made by grpc.c or rest.c, waits in the pool, is executed there
 * (execute.c), attested (attest.c), and answered by who has made it. One thread has it at a time;
 * only its stop may be used by others, until answer() is called.
 */
#include "attest/evidence.h"
#include "base/buf.h"
#include "base/digest.h"
#include "executor/layout.h"

enum { NONCE_MAX = 64, ATTESTATION_MAX = 256 * 1024 };

enum profile {
	PROFILE_1 = 1, /* as WASMVM-TEE: evidence over report_data, one report a call */
	PROFILE_2 = 2, /* a receipt: spec/receipt.md */
};

struct order {
	struct order *next;       /* of who has it */
	struct order *sibling[2]; /* the pool's, as is this: */
	bool stopped_by_us;       /* the executor ends */
	struct asked asked;
	enum profile profile;
	uint8_t nonce[NONCE_MAX];
	size_t nonce_size;
	uint64_t deadline_ms; /* clock_ms(); UINT64_MAX: none of the client's */
	uint64_t begun_us;
	struct run_stop *stop;
	bool wants_json; /* the receipt, too */

	/* What has come of it: */
	bool ok;
	struct error err;          /* not ok */
	bool called;               /* it came as far as the call: gas_used counts, */
	uint64_t gas_limit;        /* the one that held, */
	struct call_result result; /* and the trap, if it was one */
	struct value *inputs;      /* as they were passed */
	uint8_t digest[DIGEST_SIZE];
	uint8_t report_data[REPORT_DATA_SIZE];
	char report_hex[2 * REPORT_DATA_SIZE + 1]; /* the same; "": there is none */
	struct buf statement;                      /* encoded; empty: there is nothing to attest */
	struct buf attestation;                    /* JSON, of profile 1 */
	struct buf receipt;                        /* binary, */
	struct buf receipt_json;                   /* and as text */

	/* Answers, and frees the order: order_finish() and what else there is. */
	void (*answer)(struct order *order);
	void *context;
};

void order_init(struct order *order, struct engine *engine);
void order_finish(struct order *order);
/* What a client says about profile and nonce (hexadecimal); NULL: nothing. ERROR_INVALID. */
bool order_set_profile(struct order *order, const char *profile, const char *nonce,
		struct error *err) MUST_CHECK;
/* Not ok, for this reason. Returns false. */
bool order_fail(struct order *order, const struct error *err);
bool order_trapped(const struct order *order);
/* How it failed, as gRPC says it. */
int order_grpc_status(const struct order *order);
