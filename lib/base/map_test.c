/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { MANY = 5000 };

static char *key_of(char text[32], size_t i) {
	(void)snprintf(text, 32, "%.*s%zu", (int)(i % 9), "prefixxx", i);
	return text;
}

static void test_put_get_remove(void **state) {
	(void)state;
	int one = 1, two = 2;
	struct map *map = map_create();
	assert_null(map_get(map, "a"));
	assert_null(map_remove(map, "a"));
	assert_null(map_put(map, "a", &one));
	assert_null(map_put(map, "", &two)); /* an empty key is a key */
	assert_ptr_equal(map_get(map, "a"), &one);
	assert_ptr_equal(map_get(map, ""), &two);
	assert_ptr_equal(map_put(map, "a", &two), &one);
	assert_ptr_equal(map_get(map, "a"), &two);
	assert_int_equal(map_count(map), 2);
	assert_ptr_equal(map_remove(map, "a"), &two);
	assert_null(map_get(map, "a"));
	assert_int_equal(map_count(map), 1);
	map_destroy(map);
	map_destroy(NULL);
}

static void test_keys_are_copied(void **state) {
	(void)state;
	int value;
	char key[] = "key";
	struct map *map = map_create();
	(void)map_put(map, key, &value);
	key[0] = 'K';
	assert_ptr_equal(map_get(map, "key"), &value);
	assert_null(map_get(map, "Key"));
	map_destroy(map);
}

/* Keys that differ in one place only, at every length around the hash's words. */
static void test_similar_keys(void **state) {
	(void)state;
	static char values[40][2];
	struct map *map = map_create();
	char key[41];
	for (size_t size = 0; size < 40; size++) {
		memset(key, 'a', size);
		key[size] = '\0';
		assert_null(map_put(map, key, values[size]));
		if (size > 0) {
			key[size - 1] = 'b';
			assert_null(map_put(map, key, values[size] + 1));
		}
	}
	for (size_t size = 1; size < 40; size++) {
		memset(key, 'a', size);
		key[size] = '\0';
		assert_ptr_equal(map_get(map, key), values[size]);
		key[size - 1] = 'b';
		assert_ptr_equal(map_get(map, key), values[size] + 1);
	}
	map_destroy(map);
}

static void test_many(void **state) {
	(void)state;
	static int values[MANY];
	char key[32];
	struct map *map = map_create();
	for (size_t i = 0; i < MANY; i++) {
		assert_null(map_put(map, key_of(key, i), &values[i]));
	}
	for (size_t i = 0; i < MANY; i += 2) {
		assert_ptr_equal(map_remove(map, key_of(key, i)), &values[i]);
	}
	assert_int_equal(map_count(map), MANY / 2);
	for (size_t i = 0; i < MANY; i++) {
		assert_ptr_equal(map_get(map, key_of(key, i)), i % 2 == 0 ? NULL : &values[i]);
	}
	for (size_t i = 0; i < MANY; i += 2) {
		assert_null(map_put(map, key_of(key, i), &values[i]));
	}
	for (size_t i = 0; i < MANY; i++) {
		assert_ptr_equal(map_get(map, key_of(key, i)), &values[i]);
	}
	map_destroy(map);
}

/* Keys come and go for ever while few are there: the marks of removed ones must not fill it. */
static void test_churn(void **state) {
	(void)state;
	int value;
	char key[32];
	struct map *map = map_create();
	for (size_t i = 0; i < 100000; i++) {
		assert_null(map_put(map, key_of(key, i), &value));
		assert_null(map_get(map, "absent"));
		if (i >= 5) {
			assert_ptr_equal(map_remove(map, key_of(key, i - 5)), &value);
		}
	}
	assert_int_equal(map_count(map), 5);
	map_destroy(map);
}

static void test_next_sees_each_once(void **state) {
	(void)state;
	static int values[MANY];
	char key[32];
	struct map *map = map_create();
	for (size_t i = 0; i < MANY; i++) {
		values[i] = 0;
		assert_null(map_put(map, key_of(key, i), &values[i]));
	}
	size_t at = 0, seen = 0;
	const char *name;
	void *value;
	while (map_next(map, &at, &name, &value)) {
		size_t i = (size_t)((int *)value - values);
		assert_string_equal(name, key_of(key, i));
		values[i]++;
		seen++;
	}
	assert_int_equal(seen, MANY);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(values[i], 1);
	}
	assert_false(map_next(map, &at, &name, &value));
	map_destroy(map);
}

static void test_remove_while_going_through(void **state) {
	(void)state;
	static int values[MANY];
	char key[32];
	struct map *map = map_create();
	for (size_t i = 0; i < MANY; i++) {
		values[i] = 0;
		assert_null(map_put(map, key_of(key, i), &values[i]));
	}
	size_t at = 0, seen = 0;
	const char *name;
	void *value;
	while (map_next(map, &at, &name, &value)) {
		*(int *)value += 1;
		seen++;
		if (seen % 3 != 0) {
			assert_ptr_equal(map_remove(map, name), value);
		}
	}
	assert_int_equal(seen, MANY);
	assert_int_equal(map_count(map), MANY / 3);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(values[i], 1);
	}
	map_destroy(map);
}

/* The order shows the seed: two maps with the same keys hardly ever agree. */
static void test_seed_differs(void **state) {
	(void)state;
	char key[32];
	int value, differ = 0;
	struct map *a = map_create(), *b = map_create();
	for (size_t i = 0; i < 100; i++) {
		(void)map_put(a, key_of(key, i), &value);
		(void)map_put(b, key_of(key, i), &value);
	}
	size_t at_a = 0, at_b = 0;
	const char *name_a, *name_b;
	void *any;
	while (map_next(a, &at_a, &name_a, &any) && map_next(b, &at_b, &name_b, &any)) {
		differ += strcmp(name_a, name_b) != 0;
	}
	assert_true(differ > 10);
	map_destroy(a);
	map_destroy(b);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_get_remove),
		cmocka_unit_test(test_keys_are_copied),
		cmocka_unit_test(test_similar_keys),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_churn),
		cmocka_unit_test(test_next_sees_each_once),
		cmocka_unit_test(test_remove_while_going_through),
		cmocka_unit_test(test_seed_differs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
