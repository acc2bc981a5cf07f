/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *profile, *nonce;
	bool good;
	enum profile is;
	size_t size;
} rows[] = {
	{ NULL, NULL, true, PROFILE_1, 0 },
	{ "1", NULL, true, PROFILE_1, 0 },
	{ "2", NULL, true, PROFILE_2, 0 },
	{ "2", "", true, PROFILE_2, 0 },
	{ "2", "00fF", true, PROFILE_2, 2 },
	{ "2", "0", false, PROFILE_2, 0 },
	{ "2", "zz", false, PROFILE_2, 0 },
	{ "1", "00", false, PROFILE_1, 0 },
	{ NULL, "00", false, PROFILE_1, 0 },
	{ "", NULL, false, PROFILE_1, 0 },
	{ "22", NULL, false, PROFILE_1, 0 },
};

static void order_takes_profile_and_nonce(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct order order;
		struct error err = { .message = "" };
		order_init(&order, NULL);
		bool ok = order_set_profile(&order, rows[i].profile, rows[i].nonce, &err);
		if (ok != rows[i].good) {
			fail_msg("row %zu: %s", i, err.message);
		}
		if (ok) {
			assert_int_equal(order.profile, rows[i].is);
			assert_int_equal(order.nonce_size, rows[i].size);
		}
		order_finish(&order);
	}
}

static void order_nonce_has_a_bound(void **state) {
	(void)state;
	char nonce[2 * NONCE_MAX + 3];
	struct order order;
	struct error err;
	order_init(&order, NULL);
	memset(nonce, 'a', sizeof(nonce) - 1);
	nonce[sizeof(nonce) - 1] = '\0';
	assert_false(order_set_profile(&order, "2", nonce, &err));
	nonce[2 * NONCE_MAX] = '\0';
	assert_true(order_set_profile(&order, "2", nonce, &err));
	assert_int_equal(order.nonce_size, NONCE_MAX);
	order_finish(&order);
}

/* A trap has its own status; all else that of its error. */
static void order_tells_how_it_failed(void **state) {
	(void)state;
	struct order order;
	struct error err;
	order_init(&order, NULL);
	error_set(&err, ERROR_TRAPPED, "call stack exhausted");
	assert_false(order_fail(&order, &err));
	order.called = true;
	order.result.trap = TRAP_CALL_STACK;
	assert_true(order_trapped(&order));
	assert_int_equal(order_grpc_status(&order), 8);
	order.result.trap = TRAP_UNREACHABLE;
	assert_int_equal(order_grpc_status(&order), 10);
	order.result.trap = TRAP_NONE;
	error_set(&err, ERROR_UNATTESTED, "no");
	assert_false(order_fail(&order, &err));
	assert_int_equal(order_grpc_status(&order), 9);
	order_finish(&order);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_takes_profile_and_nonce),
		cmocka_unit_test(order_nonce_has_a_bound),
		cmocka_unit_test(order_tells_how_it_failed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
