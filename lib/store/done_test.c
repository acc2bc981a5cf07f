/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void add(struct store *store, uint8_t number, int64_t at, int64_t before) {
	struct error err;
	struct store_done done = { .attempt = number, .at = at };
	memset(done.key, number, DIGEST_SIZE);
	memset(done.request, ~number, DIGEST_SIZE);
	memset(done.task_id, 'a' + number, UUID_SIZE - 1);
	if (!store_begin(store, &err) || !store_done_add(store, &done, before, &err) ||
			!store_commit(store, &err)) {
		fail_msg("%s", err.message);
	}
}

static bool has(struct store *store, uint8_t number) {
	struct error err;
	struct store_done done = { 0 };
	bool found;
	memset(done.key, number, DIGEST_SIZE);
	assert_true(store_done_find(store, &done, &found, &err));
	if (found) {
		assert_int_equal(done.attempt, number);
		assert_int_equal(done.request[7], (uint8_t)~number);
		assert_int_equal(done.task_id[35], 'a' + number);
	}
	return found;
}

static void what_is_old_is_forgotten(void **state) {
	struct error err;
	struct store *store = store_open("memory", NULL, &err);
	(void)state;
	assert_non_null(store);
	assert_false(has(store, 1));
	add(store, 1, 100, 0);
	add(store, 2, 200, 0);
	assert_true(has(store, 1) && has(store, 2));
	add(store, 3, 300, 101);
	assert_false(has(store, 1));
	assert_true(has(store, 2) && has(store, 3));
	store_close(store);
}

static void a_key_is_there_once(void **state) {
	struct error err;
	struct store *store = store_open("memory", NULL, &err);
	struct store_done done = { .at = 1, .task_id = "x" };
	(void)state;
	assert_true(store_begin(store, &err) && store_done_add(store, &done, 0, &err));
	assert_false(store_done_add(store, &done, 0, &err));
	store_close(store);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_old_is_forgotten),
		cmocka_unit_test(a_key_is_there_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
