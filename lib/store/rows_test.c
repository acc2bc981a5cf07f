/* SPDX-License-Identifier: Apache-2.0 */
#include "store/rows.h"

#include "store/fixture.h"

static struct row row_of(int64_t seq) {
	struct row row = { .seq = seq };
	(void)snprintf(row.id, sizeof(row.id), "task-%d", (int)seq);
	return row;
}

static void test_remembers(void **state) {
	(void)state;
	struct rows *rows = rows_create();
	struct row one = row_of(1);
	assert_null(rows_get(rows, one.id));
	assert_null(rows_get(rows, ""));
	struct row *kept = rows_put(rows, &one);
	assert_int_equal(kept->seq, 1);
	kept->moves = 5;
	assert_ptr_equal(rows_get(rows, one.id), kept);
	assert_int_equal(rows_get(rows, one.id)->moves, 5);
	assert_null(rows_get(rows, "task-"));
	rows_forget(rows, "unknown");
	rows_forget(rows, one.id);
	assert_null(rows_get(rows, one.id));
	(void)rows_put(rows, &one);
	rows_forget_all(rows);
	assert_null(rows_get(rows, one.id));
	rows_destroy(rows);
	rows_destroy(NULL);
}

/* It may forget, but never mixes up. */
static void test_many(void **state) {
	(void)state;
	enum { MANY = 100000 };
	struct rows *rows = rows_create();
	int known = 0;
	for (int i = 1; i <= MANY; i++) {
		struct row row = row_of(i);
		(void)rows_put(rows, &row);
		assert_int_equal(rows_get(rows, row.id)->seq, i);
	}
	for (int i = 1; i <= MANY; i++) {
		struct row row = row_of(i);
		const struct row *found = rows_get(rows, row.id);
		assert_true(found == NULL || found->seq == i);
		known += found != NULL;
	}
	assert_true(known > 3000); /* of 4,096 places: the hash spreads */
	rows_destroy(rows);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_remembers),
		cmocka_unit_test(test_many),
	};
	return cmocka_run_group_tests_name("store/rows", tests, NULL, NULL);
}
