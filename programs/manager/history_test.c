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

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_are_kept_oldest_first),
		cmocka_unit_test(the_oldest_of_all_go_first),
		cmocka_unit_test(an_owner_may_be_alone_with_no_room),
		cmocka_unit_test(what_is_forgotten_leaves_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
