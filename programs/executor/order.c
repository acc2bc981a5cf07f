/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/order.h"

#include <string.h>

#include "attest/receipt.h"
#include "attest/statement.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/str.h"

void order_init(struct order *order, struct engine *engine) {
	*order = (struct order){ .profile = PROFILE_1,
		.deadline_ms = UINT64_MAX,
		.begun_us = clock_us(),
		.stop = run_stop_create(engine),
		.statement = BUF_INIT(STATEMENT_BYTES_MAX),
		.attestation = BUF_INIT(ATTESTATION_MAX),
		.receipt = BUF_INIT(RECEIPT_BYTES_MAX),
		.receipt_json = BUF_INIT(RECEIPT_JSON_MAX) };
}

void order_finish(struct order *order) {
	run_stop_destroy(order->stop);
	call_result_finish(&order->result);
	free(order->inputs);
	buf_finish(&order->statement);
	buf_finish(&order->attestation);
	buf_finish(&order->receipt);
	buf_finish(&order->receipt_json);
}

static bool set_nonce(struct order *order, const char *nonce, struct error *err) {
	size_t digits = strlen(nonce);
	if (digits % 2 != 0 || digits > 2 * (size_t)NONCE_MAX ||
			!hex_decode(nonce, order->nonce, digits / 2)) {
		return error_set(err, ERROR_INVALID,
				"airscrew-nonce: up to %d bytes as hexadecimal digits", NONCE_MAX);
	}
	order->nonce_size = digits / 2;
	return true;
}

bool order_set_profile(
		struct order *order, const char *profile, const char *nonce, struct error *err) {
	bool two = str_equal(profile, "2");
	if (profile != NULL && !two && !str_equal(profile, "1")) {
		return error_set(err, ERROR_INVALID,
				       "airscrew-profile: 1 (evidence as WASMVM-TEE gives it) or 2 "
				       "(a "
				       "receipt), not \"%.16s\"",
				       profile) ||
		       error_of(err, ERROR_IN_HEADER, "airscrew-profile");
	}
	order->profile = two ? PROFILE_2 : PROFILE_1;
	if (nonce != NULL && !two) {
		return error_set(err, ERROR_INVALID,
				       "airscrew-nonce: only receipts have one; set "
				       "airscrew-profile to "
				       "2") ||
		       error_of(err, ERROR_IN_HEADER, "airscrew-nonce");
	}
	return nonce == NULL || set_nonce(order, nonce, err) ||
	       error_of(err, ERROR_IN_HEADER, "airscrew-nonce");
}

bool order_fail(struct order *order, const struct error *err) {
	order->ok = false;
	order->err = *err;
	return false;
}

bool order_trapped(const struct order *order) {
	return !order->ok && order->called && order->result.trap != TRAP_NONE;
}

int order_grpc_status(const struct order *order) {
	return order_trapped(order) ? trap_grpc_status(order->result.trap)
				    : error_grpc_status(order->err.code);
}
