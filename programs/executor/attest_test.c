/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "attest/receipt.h"
#include "attest/verify.h"
#include "attest/statement.h"
#include "executor/executor.h"

enum { ORDERS = 5 };

struct fixture {
	struct executor executor;
	struct executor_settings settings;
	struct order orders[ORDERS];
	size_t answered;
	size_t reports[ORDERS]; /* that had been asked for when it was answered */
};

void __wrap_pool_answer(struct pool *pool, struct order *order);

/* The pool is not needed. */
void __wrap_pool_answer(struct pool *pool, struct order *order) {
	(void)pool;
	order->answer(order);
}

static uint64_t now_ms = 1000;
static unsigned firmware_asked;

uint64_t __wrap_clock_ms(void);
uint64_t __wrap_clock_ms(void) {
	return now_ms;
}

bool __real_attester_report(struct attester *attester, const uint8_t data[EVIDENCE_DATA_BYTES],
		struct evidence *out, struct error *err);
bool __wrap_attester_report(struct attester *attester, const uint8_t data[EVIDENCE_DATA_BYTES],
		struct evidence *out, struct error *err);
bool __wrap_attester_report(struct attester *attester, const uint8_t data[EVIDENCE_DATA_BYTES],
		struct evidence *out, struct error *err) {
	firmware_asked++;
	return __real_attester_report(attester, data, out, err);
}

static struct fixture *begin(const char *attester) {
	static char name[16];
	struct error err = { .message = "" };
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	assert_non_null(fixture);
	(void)snprintf(name, sizeof(name), "%s", attester);
	fixture->settings.attester = name;
	fixture->executor.settings = &fixture->settings;
	fixture->executor.attestation = attestation_open(&fixture->settings, &err);
	assert_non_null(fixture->executor.attestation);
	return fixture;
}

static void end(struct fixture *fixture) {
	for (size_t i = 0; i < ORDERS; i++) {
		if (fixture->orders[i].answer != NULL) {
			order_finish(&fixture->orders[i]);
		}
	}
	attestation_close(fixture->executor.attestation);
	free(fixture);
}

static void make(struct fixture *fixture, size_t index, enum profile profile,
		void (*answer)(struct order *order)) {
	struct order *order = &fixture->orders[index];
	struct error err;
	struct statement statement = { .function = "f",
		.engine = "e",
		.program = "p",
		.gas_limited = true,
		.gas_limit = index };
	order_init(order, NULL);
	order->ok = true;
	order->profile = profile;
	order->answer = answer;
	order->context = fixture;
	memset(order->report_data, 'a' + (int)index, sizeof(order->report_data) - 1);
	assert_true(profile == PROFILE_1 || statement_encode(&statement, &order->statement, &err));
}

static void note(struct order *order) {
	struct fixture *fixture = order->context;
	fixture->reports[order - fixture->orders] =
			atomic_load(&fixture->executor.counters.reports);
	fixture->answered++;
}

/* While the first one is answered, the others come. */
static void note_and_bring_the_others(struct order *order) {
	struct fixture *fixture = order->context;
	note(order);
	for (size_t i = 1; i < ORDERS; i++) {
		attest(&fixture->executor, &fixture->orders[i]);
		assert_int_equal(fixture->answered, 1); /* somebody asks already */
	}
}

static struct receipt *receipt_of(const struct order *order) {
	struct error err = { .message = "" };
	struct receipt *receipt = receipt_decode(
			(struct bytes){ order->receipt.data, order->receipt.size }, &err);
	if (receipt == NULL) {
		fail_msg("%s", err.message);
	}
	return receipt;
}

static void those_who_wait_share_a_report(void **state) {
	(void)state;
	struct fixture *fixture = begin("sample");
	make(fixture, 0, PROFILE_2, note_and_bring_the_others);
	for (size_t i = 1; i < ORDERS; i++) {
		make(fixture, i, PROFILE_2, note);
	}
	attest(&fixture->executor, &fixture->orders[0]);
	assert_int_equal(fixture->answered, ORDERS);
	assert_int_equal(atomic_load(&fixture->executor.counters.reports), 2);
	assert_int_equal(atomic_load(&fixture->executor.counters.receipts), ORDERS);
	for (size_t i = 0; i < ORDERS; i++) {
		struct receipt *receipt = receipt_of(&fixture->orders[i]);
		struct verify_policy policy = { .nonce = NULL };
		struct verdict verdict;
		(void)receipt_verify(receipt, &policy, &verdict);
		assert_int_equal(verdict.reason, VERDICT_SAMPLE); /* intact */
		assert_int_equal(receipt->path.size, i == 0 ? 1 : ORDERS - 1);
		assert_int_equal(receipt->path.index, i == 0 ? 0 : i - 1);
		receipt_destroy(receipt);
	}
	end(fixture);
}

static void profile_1_has_a_report_for_each(void **state) {
	(void)state;
	struct fixture *fixture = begin("sample");
	make(fixture, 0, PROFILE_1, note_and_bring_the_others);
	for (size_t i = 1; i < ORDERS; i++) {
		make(fixture, i, i == 2 ? PROFILE_2 : PROFILE_1, note);
	}
	attest(&fixture->executor, &fixture->orders[0]);
	assert_int_equal(fixture->answered, ORDERS);
	assert_int_equal(atomic_load(&fixture->executor.counters.reports), ORDERS);
	for (size_t i = 0; i < ORDERS; i++) {
		const struct order *order = &fixture->orders[i];
		assert_true(order->ok);
		assert_int_equal(order->receipt.size != 0, i == 2);
		assert_int_equal(order->attestation.size != 0, i != 2);
	}
	end(fixture);
}

static void a_failed_call_has_a_short_receipt(void **state) {
	(void)state;
	struct fixture *fixture = begin("sample");
	make(fixture, 0, PROFILE_2, note);
	fixture->orders[0].ok = false;
	fixture->orders[0].wants_json = true;
	attest(&fixture->executor, &fixture->orders[0]);
	assert_int_equal(fixture->answered, 1);
	assert_int_equal(fixture->orders[0].receipt.size, 0);
	assert_non_null(strstr(buf_text(&fixture->orders[0].receipt_json), "\"sample\":true"));
	end(fixture);
}

/* Everybody may ask: the firmware hears of it once a minute. */
static void certificates_are_kept(void **state) {
	(void)state;
	struct error err = { .message = "" };
	struct fixture *fixture = begin("sample");
	static const unsigned asked[] = { 1, 1, 2, 2 };
	static const uint64_t times[] = { 0, 59999, 60000, 60001 };
	uint64_t begin_ms = now_ms;
	firmware_asked = 0;
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct buf out = BUF_INIT(4096);
		now_ms = begin_ms + times[i];
		assert_true(attestation_certificates(fixture->executor.attestation, &out, &err));
		assert_non_null(strstr(buf_text(&out), "\"sample\":true"));
		assert_int_equal(firmware_asked, asked[i]);
		buf_finish(&out);
	}
	end(fixture);
}

static void nothing_attests_here(void **state) {
	(void)state;
	struct error err = { .message = "" };
	struct buf out = BUF_INIT(1024);
	struct fixture *fixture = begin("auto");
	if (attestation_possible(fixture->executor.attestation, &err)) {
		print_message("this machine is a TEE: not looked at\n");
		end(fixture);
		return;
	}
	assert_int_equal(err.code, ERROR_UNATTESTED);
	assert_non_null(strstr(err.message, "--attester sample"));
	assert_string_equal(attestation_tee(fixture->executor.attestation), "none");
	assert_false(attestation_certificates(fixture->executor.attestation, &out, &err));
	buf_finish(&out);
	end(fixture);
}

static void an_unknown_attester_is_refused(void **state) {
	(void)state;
	struct error err = { .message = "" };
	char name[] = "magic";
	const struct executor_settings settings = { .attester = name };
	assert_null(attestation_open(&settings, &err));
	assert_int_equal(err.code, ERROR_INVALID);
	assert_non_null(strstr(err.message, "EXECUTOR_ATTESTER"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_who_wait_share_a_report),
		cmocka_unit_test(profile_1_has_a_report_for_each),
		cmocka_unit_test(a_failed_call_has_a_short_receipt),
		cmocka_unit_test(certificates_are_kept),
		cmocka_unit_test(nothing_attests_here),
		cmocka_unit_test(an_unknown_attester_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
