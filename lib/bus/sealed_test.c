/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/sealed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "base/str.h"

static const char key_text[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
static const char start[] =
		"{\"type\":\"start\",\"boot\":\"b\",\"number\":7,\"task_id\":\"t\","
		"\"attempt\":2,\"proplet_id\":\"w\",\"name\":\"add\",\"inputs\":[\"1\"],"
		"\"env\":{\"SECRET\":\"marker\"}}";

struct home {
	struct seal_ring *manager, *worker, *stranger;
};

static struct seal_ring *ring_of(const char *text, const char *worker) {
	struct error err;
	struct seal_key *key = seal_key_parse(text, &err);
	assert_non_null(key);
	struct seal_ring *ring = seal_ring_create(worker, &err);
	assert_non_null(ring);
	assert_true(seal_ring_add(ring, key, &err));
	seal_key_destroy(key);
	return ring;
}

static int setup(void **state) {
	struct home *home = MEM_NEW(struct home);
	CLEANUP(mem_freep) char *other = str_copy(key_text);
	other[0] = 'f';
	home->manager = ring_of(key_text, NULL);
	home->worker = ring_of(key_text, "w");
	home->stranger = ring_of(other, "w");
	*state = home;
	return 0;
}

static int teardown(void **state) {
	struct home *home = *state;
	seal_ring_destroy(home->manager);
	seal_ring_destroy(home->worker);
	seal_ring_destroy(home->stranger);
	free(home);
	return 0;
}

static struct bytes bytes_of(const char *text) {
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static void same(const char *a, const char *b) {
	json_t *one = json_loads(a, 0, NULL), *two = json_loads(b, 0, NULL);
	assert_non_null(one);
	assert_true(json_equal(one, two));
	json_decref(one);
	json_decref(two);
}

static void what_was_sealed_comes_back(void **state) {
	struct home *home = *state;
	struct error err;
	struct buf plain = BUF_INIT(10000);
	char *text = sealed_wrap(home->manager, SEAL_COMMAND, "w", start, &err);
	assert_non_null(text);
	assert_null(strstr(text, "marker"));
	assert_null(strstr(text, "add"));
	assert_non_null(strstr(text, "\"task_id\":\"t\"")); /* whom it is about stays readable */
	assert_true(sealed_is(bytes_of(text)));
	assert_true(sealed_unwrap(home->worker, SEAL_COMMAND, "w", bytes_of(text), &plain, &err));
	same(buf_text(&plain), start);
	free(text);
	buf_finish(&plain);
}

/* Each readable member is bound: a changed one is another message. */
static void nothing_readable_can_be_changed(void **state) {
	struct home *home = *state;
	static const char *const changes[] = { "{\"boot\":\"c\"}", "{\"number\":8}",
		"{\"task_id\":\"u\"}", "{\"attempt\":3}", "{\"boot\":null}", "{\"sealed\":\"\"}",
		"{\"sealed\":\"AgAA\"}" };
	struct error err;
	char *text = sealed_wrap(home->manager, SEAL_COMMAND, "w", start, &err);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct buf plain = BUF_INIT(10000);
		json_t *object = json_loads(text, 0, NULL),
		       *change = json_loads(changes[i], 0, NULL);
		(void)json_object_update(object, change);
		char *changed = json_dumps(object, 0);
		assert_false(sealed_unwrap(
				home->worker, SEAL_COMMAND, "w", bytes_of(changed), &plain, &err));
		assert_int_equal(err.code, ERROR_INTEGRITY);
		assert_int_equal(plain.size, 0);
		buf_finish(&plain);
		free(changed);
		json_decref(object);
		json_decref(change);
	}
	free(text);
}

static void unsealed_and_foreign_ones_are_refused(void **state) {
	struct home *home = *state;
	struct error err;
	struct buf plain = BUF_INIT(10000);
	assert_false(sealed_is(bytes_of(start)));
	assert_false(sealed_unwrap(home->worker, SEAL_COMMAND, "w", bytes_of(start), &plain, &err));
	assert_int_equal(err.code, ERROR_INTEGRITY);
	char *text = sealed_wrap(home->manager, SEAL_COMMAND, "w", start, &err);
	assert_false(sealed_unwrap(
			home->stranger, SEAL_COMMAND, "w", bytes_of(text), &plain, &err));
	assert_int_equal(err.code, ERROR_KEY_MISMATCH);
	assert_false(sealed_unwrap(home->worker, SEAL_RESULT, "w", bytes_of(text), &plain, &err));
	assert_int_equal(err.code, ERROR_INTEGRITY);
	free(text);
	assert_false(sealed_unwrap(home->worker, SEAL_COMMAND, "w", bytes_of("[]"), &plain, &err));
	assert_null(sealed_wrap(home->manager, SEAL_COMMAND, "w", "7", &err));
	buf_finish(&plain);
}

/* A member outside the envelope that is not one of the readable ones counts for nothing. */
static void what_stands_beside_adds_nothing(void **state) {
	struct home *home = *state;
	struct error err;
	struct buf plain = BUF_INIT(10000);
	char *text = sealed_wrap(home->manager, SEAL_COMMAND, "w", start, &err);
	char *more = str_format("{\"dirs\":[{\"host\":\"/\"}],\"name\":\"evil\",%s", text + 1);
	assert_true(sealed_unwrap(home->worker, SEAL_COMMAND, "w", bytes_of(more), &plain, &err));
	same(buf_text(&plain), start);
	free(text);
	free(more);
	buf_finish(&plain);
}

static void signed_ones_stay_readable(void **state) {
	struct home *home = *state;
	struct error err;
	struct buf plain = BUF_INIT(10000);
	static const char beat[] = "{\"proplet_id\":\"w\",\"boot\":\"b\",\"running\":[]}";
	char *text = sealed_sign(home->worker, SEAL_ANNOUNCE, "w", "m/d/alive", beat, &err);
	assert_non_null(text);
	assert_non_null(strstr(text, "\"running\":[]"));
	assert_true(sealed_verify(home->manager, SEAL_ANNOUNCE, "w", "m/d/alive", bytes_of(text),
			&plain, &err));
	assert_string_equal(buf_text(&plain), beat);
	assert_false(sealed_verify(home->manager, SEAL_ANNOUNCE, "w", "m/d/create", bytes_of(text),
			&plain, &err));
	assert_false(sealed_verify(home->manager, SEAL_ANNOUNCE, "v", "m/d/alive", bytes_of(text),
			&plain, &err));
	assert_false(sealed_verify(home->manager, SEAL_ANNOUNCE, "w", "m/d/alive", bytes_of(beat),
			&plain, &err));
	text[2] = 'P';
	assert_false(sealed_verify(home->manager, SEAL_ANNOUNCE, "w", "m/d/alive", bytes_of(text),
			&plain, &err));
	free(text);
	buf_finish(&plain);
}

/* A broker may bring messages of no bytes at all. */
static void an_empty_message_is_neither(void **state) {
	(void)state;
	assert_false(sealed_is((struct bytes){ 0 }));
	assert_false(sealed_is((struct bytes){ (const uint8_t *)"", 0 }));
	assert_true(sealed_is((struct bytes){ (const uint8_t *)"{\"sealed\":\"x\"}", 14 }));
}

/* However its sender writes it; and what only looks like an envelope is none. */
static void other_ways_to_write_it(void **state) {
	struct home *home = *state;
	struct error err;
	char *text = sealed_wrap(home->manager, SEAL_COMMAND, "w", start, &err);
	assert_non_null(text);
	json_t *object = json_loads(text, 0, NULL);
	CLEANUP(mem_freep)
	char *sealed = str_copy(json_string_value(json_object_get(object, "sealed")));
	CLEANUP(mem_freep) char *spaced = json_dumps(object, JSON_INDENT(2));
	CLEANUP(mem_freep)
	char *first = str_format(
			"{\"sealed\":\"%s\",\"type\":\"start\",\"boot\":\"b\",\"number\":7,"
			"\"task_id\":\"t\",\"attempt\":2}",
			sealed);
	CLEANUP(mem_freep)
	char *hidden = str_format("{\"x\":{\"sealed\":\"%s\"},%s", sealed, text + 1);
	CLEANUP(mem_freep)
	char *quoted = str_format("{\"x\":\"\\\"sealed\\\":\\\"\",%s", text + 1);
	const char *const good[] = { text, spaced, first, hidden, quoted };
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct buf plain = BUF_INIT(10000);
		if (!sealed_unwrap(home->worker, SEAL_COMMAND, "w", bytes_of(good[i]), &plain,
				    &err)) {
			fail_msg("%zu: %s", i, err.message);
		}
		same(buf_text(&plain), start);
		buf_finish(&plain);
	}
	CLEANUP(mem_freep) char *inner = str_format("{\"x\":{\"sealed\":\"%s\"}}", sealed);
	CLEANUP(mem_freep) char *twice = str_format("{\"sealed\":\"a\",%s", text + 1);
	CLEANUP(mem_freep) char *zero = str_format("{\"sealed\":0}");
	CLEANUP(mem_freep) char *open = str_format("{\"sealed\":\"%s", sealed);
	CLEANUP(mem_freep) char *more = str_format("%s x", text);
	const char *const bad[] = { inner, twice, zero, open, more };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf plain = BUF_INIT(10000);
		assert_false(sealed_unwrap(
				home->worker, SEAL_COMMAND, "w", bytes_of(bad[i]), &plain, &err));
		assert_int_equal(plain.size, 0);
		buf_finish(&plain);
	}
	struct buf plain = BUF_INIT(10000); /* bytes behind its end count, also behind a zero */
	assert_false(sealed_unwrap(home->worker, SEAL_COMMAND, "w",
			(struct bytes){ (const uint8_t *)text, strlen(text) + 1 }, &plain, &err));
	json_decref(object);
	free(text);
}

static void who_sends_it(void **state) {
	(void)state;
	static const struct {
		const char *text, *sender;
	} rows[] = { { "{\"proplet_id\":\"w\",\"sealed\":\"abc\"}", "w" },
		{ "{\"sealed\":\"abc\",\"proplet_id\":\"w\"}", "w" },
		{ "{\"proplet_id\":\"w\",\"auth\":\"abc\"}", "w" },
		{ "{\"sealed\":\"\\\"proplet_id\\\":\\\"v\\\"\",\"proplet_id\":\"w\"}", "w" },
		{ "{\"sealed\":\"abc\"}", NULL }, { "{\"proplet_id\":7}", NULL }, { "", NULL },
		{ "{\"proplet_id\":\"w\"", NULL } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(mem_freep) char *sender = sealed_sender(bytes_of(rows[i].text));
		if (!str_equal(sender, rows[i].sender)) {
			fail_msg("%s: %s", rows[i].text, sender != NULL ? sender : "none");
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_sealed_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_readable_can_be_changed, setup, teardown),
		cmocka_unit_test_setup_teardown(
				unsealed_and_foreign_ones_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(what_stands_beside_adds_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(other_ways_to_write_it, setup, teardown),
		cmocka_unit_test(who_sends_it),
		cmocka_unit_test_setup_teardown(signed_ones_stay_readable, setup, teardown),
		cmocka_unit_test(an_empty_message_is_neither),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
