/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/guess.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void distances(void **state) {
	(void)state;
	static const struct {
		const char *a, *b;
		size_t far;
	} rows[] = {
		{ "", "", 0 },
		{ "", "abc", 3 },
		{ "list", "list", 0 },
		{ "lst", "list", 1 },
		{ "lisst", "list", 1 },
		{ "lost", "list", 1 },
		{ "lsit", "list", 2 }, /* two letters that have changed places are two */
		{ "kitten", "sitting", 3 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(word_distance(rows[i].a, rows[i].b), rows[i].far);
		assert_int_equal(word_distance(rows[i].b, rows[i].a), rows[i].far);
	}
}

static void long_words_are_near_to_nothing(void **state) {
	(void)state;
	char word[256];
	memset(word, 'a', sizeof(word) - 1);
	word[sizeof(word) - 1] = 0;
	assert_int_equal(word_distance(word, "a"), 99);
	assert_int_equal(word_distance("a", word), 99);
	assert_int_equal(word_distance(word, word), 99);
}

static void the_nearest_is_named(void **state) {
	(void)state;
	static const char *const words[] = { "create", "view", "list", "logs" };
	static const struct {
		const char *word, *said;
	} rows[] = {
		{ "crate", "; did you mean create?" },
		{ "lit", "; did you mean list?" },
		{ "log", "; did you mean logs?" },
		{ "dance", "" },
		{ "", "" },
	};
	char text[80];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(nearest(rows[i].word, words, 4, text), rows[i].said);
	}
	assert_string_equal(nearest("list", words, 0, text), "");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distances),
		cmocka_unit_test(long_words_are_near_to_nothing),
		cmocka_unit_test(the_nearest_is_named),
	};
	return cmocka_run_group_tests_name("cli/guess", tests, NULL, NULL);
}
