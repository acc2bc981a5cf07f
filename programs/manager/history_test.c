/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"

static void add(struct history *history, const char *owner, int64_t at, size_t keep) {
	struct sample sample;
	sample_init(&sample, METRICS_TASK);
	sample.at = at;
	history_add(history, owner, "p1", &sample, keep);
}

static void see(void *context, const char *proplet_id, const struct sample *sample) {
	char **text = context;
	char *longer = str_format(
			"%s%s%lld", *text, *text[0] != 0 ? " " : "", (long long)sample->at);
	assert_string_equal(proplet_id, "p1");
	free(*text);
	*text = longer;
}

static void assert_page(const struct history *history, const char *owner, size_t offset,
		size_t limit, const char *expected) {
	CLEANUP(mem_freep) char *text = str_copy("");
	history_page(history, owner, offset, limit, see, &text);
	assert_string_equal(text, expected);
}

static void the_last_are_kept_oldest_first(void **state) {
	(void)state;
	struct history *history = history_create(100);
	assert_page(history, "a", 0, 10, "");
	for (int i = 1; i <= 5; i++) {
		add(history, "a", i, 3);
		add(history, "b", 10 * i, 1);
	}
	assert_int_equal(history_count(history, "a"), 3);
	assert_page(history, "a", 0, 10, "3 4 5");
	assert_page(history, "a", 1, 1, "4");
	assert_page(history, "a", 3, 10, "");
	assert_page(history, "a", SIZE_MAX, SIZE_MAX, "");
	assert_page(history, "b", 0, 10, "50");
	add(history, "a", 6, 0); /* no less than one */
	assert_page(history, "a", 0, 10, "6");
	history_destroy(history);
}

static void the_oldest_of_all_go_first(void **state) {
	(void)state;
	struct history *history = history_create(4);
	add(history, "a", 1, 10);
	add(history, "b", 2, 10);
	add(history, "a", 3, 10);
	add(history, "b", 4, 10);
	add(history, "c", 5, 10);
	assert_page(history, "a", 0, 10, "3");
	add(history, "c", 6, 10);
	assert_int_equal(history_count(history, "b"), 1);
	add(history, "c", 7, 10);
	assert_int_equal(history_count(history, "a"), 0);
	assert_page(history, "c", 0, 10, "5 6 7");
	history_destroy(history);
}

static void an_owner_may_be_alone_with_no_room(void **state) {
	(void)state;
	struct history *history = history_create(0);
	add(history, "a", 1, 10);
	assert_int_equal(history_count(history, "a"), 0);
	history_destroy(history);
}

static void what_is_forgotten_leaves_the_rest(void **state) {
	(void)state;
	struct history *history = history_create(100);
	for (int i = 1; i <= 3; i++) {
		add(history, "a", i, 10);
		add(history, "b", i, 10);
	}
	history_forget(history, "a");
	history_forget(history, "nobody");
	assert_int_equal(history_count(history, "a"), 0);
	assert_page(history, "b", 0, 10, "1 2 3");
	add(history, "a", 4, 10);
	assert_page(history, "a", 0, 10, "4");
	history_destroy(history);
	history_destroy(NULL);
}

/* --- rows of the store --------------------------------------------------------------------- */

static bool write_row(void *context, const struct store_sample *row) {
	char **text = context;
	char *longer = str_format("%s%s%lld:%s%lld/%zu", *text, *text[0] != 0 ? " " : "",
			(long long)row->row, row->owner, (long long)row->sample->at, row->keep);
	assert_string_equal(row->proplet_id, "p1");
	free(*text);
	*text = longer;
	return true;
}

static void assert_fresh(const struct history *history, size_t count, const char *expected) {
	CLEANUP(mem_freep) char *text = str_copy("");
	assert_true(history_write(history, count, 100, write_row, &text));
	assert_string_equal(text, expected);
}

static void assert_gone(const struct history *history, const char *expected) {
	CLEANUP(mem_freep) char *text = str_copy("");
	size_t count;
	const int64_t *gone = history_gone(history, &count);
	for (size_t i = 0; i < count; i++) {
		char *longer = str_format("%s%lld ", text, (long long)gone[i]);
		free(text);
		text = longer;
	}
	assert_string_equal(text, expected);
}

static void what_has_no_row_is_known(void **state) {
	(void)state;
	struct history *history = history_create(4);
	assert_fresh(history, 9, "");
	add(history, "a", 1, 2);
	add(history, "b", 2, 3);
	assert_int_equal(history_fresh(history), 2);
	assert_fresh(history, 1, "100:a1/2");
	assert_fresh(history, 9, "100:a1/2 101:b2/3"); /* nothing has changed */
	history_number(history, 1, 7);
	assert_int_equal(history_fresh(history), 1);
	assert_fresh(history, 9, "100:b2/3");
	history_number(history, 9, 8);
	assert_int_equal(history_fresh(history), 0);
	assert_gone(history, "");
	add(history, "a", 3, 2);
	add(history, "a", 4, 2); /* a1 in row 7 goes */
	assert_gone(history, "7 ");
	assert_fresh(history, 9, "100:a3/2 101:a4/2");
	add(history, "a", 5, 2); /* a3, which had none */
	assert_gone(history, "7 ");
	assert_fresh(history, 9, "100:a4/2 101:a5/2");
	add(history, "c", 6, 2);
	add(history, "c", 7, 2); /* one too many: b2 in row 8 */
	assert_gone(history, "7 8 ");
	assert_int_equal(history_fresh(history), 4);
	history_deleted(history, 1);
	assert_gone(history, "8 ");
	history_deleted(history, 1);
	assert_gone(history, "");
	history_deleted(history, 0);
	history_destroy(history);
}

static bool see_row(void *context, int64_t row) {
	int64_t *left = context;
	*left -= row;
	return *left != 0;
}

static void rows_of_an_owner(void **state) {
	(void)state;
	int64_t left = -1;
	struct history *history = history_create(100);
	for (int i = 1; i <= 4; i++) {
		add(history, i % 2 != 0 ? "a" : "b", i, 10);
	}
	history_number(history, 3, 20); /* a in 20 and 22, b in 21 */
	assert_true(history_rows(history, "nobody", see_row, &left));
	left = 1000;
	assert_true(history_rows(history, "a", see_row, &left));
	assert_int_equal(left, 1000 - 20 - 22);
	left = 20;
	assert_false(history_rows(history, "a", see_row, &left));
	left = 1000;
	assert_true(history_rows(history, "b", see_row, &left));
	assert_int_equal(left, 1000 - 21);
	history_forget(history, "b"); /* with its rows */
	assert_gone(history, "");
	assert_int_equal(history_fresh(history), 0);
	add(history, "c", 5, 10);
	assert_fresh(history, 9, "100:c5/10");
	history_destroy(history);
}

static void restore(struct history *history, const char *owner, int64_t row, size_t keep) {
	struct sample sample;
	sample_init(&sample, METRICS_TASK);
	sample.at = row;
	const struct store_sample read = { row, owner, "p1", keep, &sample };
	history_restore(history, &read);
}

/* A kill may have left more rows than there are to be. */
static void rows_are_read_within_the_bounds(void **state) {
	(void)state;
	struct history *history = history_create(4);
	for (int i = 1; i <= 3; i++) {
		restore(history, "a", i, 2);
	}
	assert_page(history, "a", 0, 10, "2 3");
	assert_gone(history, "1 ");
	for (int i = 4; i <= 6; i++) {
		restore(history, "b", i, 9);
	}
	assert_page(history, "a", 0, 10, "3");
	assert_gone(history, "1 2 ");
	assert_int_equal(history_fresh(history), 0);
	add(history, "b", 7, 9);
	assert_page(history, "b", 0, 10, "4 5 6 7");
	assert_fresh(history, 9, "100:b7/9");
	assert_gone(history, "1 2 3 ");
	history_destroy(history);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_are_kept_oldest_first),
		cmocka_unit_test(the_oldest_of_all_go_first),
		cmocka_unit_test(an_owner_may_be_alone_with_no_room),
		cmocka_unit_test(what_is_forgotten_leaves_the_rest),
		cmocka_unit_test(what_has_no_row_is_known),
		cmocka_unit_test(rows_of_an_owner),
		cmocka_unit_test(rows_are_read_within_the_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
