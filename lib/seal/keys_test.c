/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/keys.h"

#include "seal/fixture.h"

static const struct seal_context command = {
	.direction = SEAL_COMMAND,
	.worker = WORKER,
};
static const struct seal_context result = {
	.direction = SEAL_RESULT,
	.worker = WORKER,
};

/* Whether what `from` seals can be opened by `to`. */
static enum error_code pass(
		struct seal_ring *from, struct seal_ring *to, const struct seal_context *context) {
	struct error err = { 0 };
	CLEANUP(buf_finish) struct buf envelope = BUF_INIT(1000), plain = BUF_INIT(1000);
	assert_true(seal_box(from, context, bytes_of("hello"), &envelope, &err));
	if (!seal_open_buf(to, context, bytes_in(&envelope), &plain, &err)) {
		return err.code;
	}
	assert_string_equal(buf_text(&plain), "hello");
	return ERROR_NONE;
}

static void refuse(const char *text, const char *says) {
	struct error err;
	assert_null(seal_key_parse(text, &err));
	assert_int_equal(err.code, ERROR_INVALID);
	assert_non_null(strstr(err.message, says));
	if (strlen(text) > 8) { /* and nothing of the value */
		char piece[9] = { 0 };
		for (size_t i = 0; i + 8 <= strlen(text); i++) {
			memcpy(piece, text + i, 8);
			assert_null(strstr(err.message, piece));
		}
	}
}

static void test_text(void **state) {
	(void)state;
	char text[SEAL_KEY_TEXT_SIZE];
	struct seal_key *key =
			key_of("000102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f");
	seal_key_text(key, text);
	assert_string_equal(text, ROOT_A);
	seal_key_destroy(key);
	seal_key_destroy(NULL);
	refuse("", "has 0");
	refuse(ROOT_A "00", "has 66");
	refuse("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e", "has 62");
	refuse("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g", "position 64");
	refuse("x00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "position 1 ");
	refuse(" 00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "position 1 ");
}

static void refuse_list(const char *text, const char *says) {
	struct error err;
	struct seal_ring *ring = seal_ring_create(NULL, &err);
	assert_false(seal_ring_read(ring, text, &err));
	assert_int_equal(err.code, ERROR_INVALID);
	assert_non_null(strstr(err.message, says));
	assert_null(strstr(err.message, "0a0b0c"));
	seal_ring_destroy(ring);
}

static void test_lists(void **state) {
	(void)state;
	static const char *const lists[] = { ROOT_A, ROOT_A "," ROOT_B, " " ROOT_A "\n" ROOT_B "\n",
		ROOT_A ", \t" ROOT_B ",," };
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct error err;
		struct seal_ring *ring = seal_ring_create(NULL, &err),
				 *one = ring_of(NULL, ROOT_A, NULL);
		assert_true(seal_ring_read(ring, lists[i], &err));
		assert_int_equal(pass(ring, one, &command), ERROR_NONE); /* the first one seals */
		struct seal_ring *two = ring_of(NULL, ROOT_B, NULL);
		assert_int_equal(pass(two, ring, &command),
				i == 0 ? ERROR_KEY_MISMATCH : ERROR_NONE);
		seal_ring_destroy(ring);
		seal_ring_destroy(one);
		seal_ring_destroy(two);
	}
	refuse_list("", "no workload key");
	refuse_list(" ,\n", "no workload key");
	refuse_list(ROOT_A ",00", "key 2: a workload key has 64");
	refuse_list(ROOT_A "," ROOT_A, "key 2: workload keys 1 and 2 are the same");
	refuse_list(ROOT_A ROOT_B, "key 1: a workload key has 64");
	refuse_list(ROOT_B ";" ROOT_A, "key 1: a workload key has 64");
	refuse_list(ROOT_A ",x00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
			"key 2: a workload key has only the characters 0-9 and a-f, the one at "
			"position 1 ");
}

static void test_names(void **state) {
	(void)state;
	struct error err;
	char name[SEAL_KEY_NAME_SIZE];
	struct seal_key *root = key_of(ROOT_A), *own = seal_key_for_worker(root, WORKER, &err);
	seal_key_name(own, name); /* as spec/seal-vectors.json has it */
	assert_string_equal(name, "0a12a02c5dcce305");
	seal_key_destroy(own);
	seal_key_destroy(root);
}

static void test_generated_keys_differ(void **state) {
	(void)state;
	struct error err;
	char a[SEAL_KEY_TEXT_SIZE], b[SEAL_KEY_TEXT_SIZE];
	struct seal_key *one = seal_key_generate(&err), *two = seal_key_generate(&err);
	assert_non_null(one);
	assert_non_null(two);
	seal_key_text(one, a);
	seal_key_text(two, b);
	assert_string_not_equal(a, b);
	assert_int_equal(strlen(a), 64);
	seal_key_destroy(one);
	seal_key_destroy(two);
}

static void test_a_workers_key(void **state) {
	(void)state;
	struct error err;
	char text[SEAL_KEY_TEXT_SIZE], name[SEAL_TEXT_MAX + 2];
	struct seal_key *root = key_of(ROOT_A), *own = seal_key_for_worker(root, WORKER, &err);
	seal_key_text(own, text); /* as spec/seal-vectors.json has it */
	assert_string_equal(
			text, "59b891ecdf94eec92b9f9d8cfe7cab457563590b73e68e0a6bd47bd6c6643e61");
	seal_key_destroy(own);
	assert_null(seal_key_for_worker(root, "", &err));
	assert_int_equal(err.code, ERROR_INVALID);
	memset(name, 'n', sizeof(name));
	name[SEAL_TEXT_MAX + 1] = '\0';
	assert_null(seal_key_for_worker(root, name, &err));
	assert_int_equal(err.code, ERROR_INVALID);
	name[SEAL_TEXT_MAX] = '\0';
	own = seal_key_for_worker(root, name, &err);
	assert_non_null(own);
	seal_key_destroy(own);
	seal_key_destroy(root);
}

static void test_a_ring_takes_eight_different_keys(void **state) {
	(void)state;
	struct error err;
	struct seal_ring *ring = ring_of(NULL, ROOT_A, ROOT_B);
	struct seal_key *key = key_of(ROOT_A);
	assert_false(seal_ring_add(ring, key, &err));
	assert_int_equal(err.code, ERROR_INVALID);
	assert_non_null(strstr(err.message, "1 and 3 are the same"));
	seal_key_destroy(key);
	for (int i = 0; i < 7; i++) {
		key = seal_key_generate(&err);
		assert_int_equal(seal_ring_add(ring, key, &err), i < 6);
		seal_key_destroy(key);
	}
	assert_non_null(strstr(err.message, "8"));
	seal_ring_destroy(ring);
	seal_ring_destroy(NULL);
	assert_null(seal_ring_create("", &err));
}

static struct seal_ring *worker_with_own_key(const char *root, const char *worker) {
	struct error err;
	char text[SEAL_KEY_TEXT_SIZE];
	struct seal_key *key = key_of(root), *own = seal_key_for_worker(key, worker, &err);
	seal_key_text(own, text);
	seal_key_destroy(key);
	seal_key_destroy(own);
	return ring_of(worker, text, NULL);
}

static void test_a_worker_with_the_root(void **state) {
	(void)state;
	uint8_t id[SEAL_KEY_ID_BYTES];
	struct seal_ring *manager = ring_of(NULL, ROOT_A, NULL);
	struct seal_ring *worker = ring_of(WORKER, ROOT_A, NULL);
	assert_int_equal(pass(worker, manager, &result), ERROR_NONE); /* even before a command */
	assert_false(seal_ring_preferred(worker, id));
	assert_int_equal(pass(manager, worker, &command), ERROR_NONE);
	assert_true(seal_ring_preferred(worker, id));
	assert_int_equal(pass(worker, manager, &result), ERROR_NONE);
	assert_false(seal_ring_preferred(manager, id));
	seal_ring_destroy(manager);
	seal_ring_destroy(worker);
}

static void test_a_worker_with_its_own_key(void **state) {
	(void)state;
	uint8_t id[SEAL_KEY_ID_BYTES];
	struct seal_ring *manager = ring_of(NULL, ROOT_A, NULL);
	struct seal_ring *worker = worker_with_own_key(ROOT_A, WORKER);
	assert_int_equal(pass(worker, manager, &result), ERROR_KEY_MISMATCH); /* it cannot know */
	assert_int_equal(pass(manager, worker, &command), ERROR_NONE);
	assert_int_equal(pass(worker, manager, &result), ERROR_NONE);

	/* The next life of that worker remembers. */
	struct seal_ring *again = worker_with_own_key(ROOT_A, WORKER);
	assert_true(seal_ring_preferred(worker, id));
	assert_true(seal_ring_prefer(again, id));
	assert_int_equal(pass(again, manager, &result), ERROR_NONE);
	id[0] ^= 1;
	assert_false(seal_ring_prefer(again, id));
	assert_false(seal_ring_prefer(manager, id));
	seal_ring_destroy(manager);
	seal_ring_destroy(worker);
	seal_ring_destroy(again);
}

static void test_a_stolen_worker_opens_only_its_own(void **state) {
	(void)state;
	struct error err;
	struct seal_context other = command;
	other.worker = "another";
	struct seal_ring *manager = ring_of(NULL, ROOT_A, NULL);
	struct seal_ring *thief = worker_with_own_key(ROOT_A, WORKER);
	CLEANUP(buf_finish) struct buf envelope = BUF_INIT(1000), plain = BUF_INIT(1000);
	assert_true(seal_box(manager, &other, bytes_of("hello"), &envelope, &err));
	assert_false(seal_open_buf(thief, &command, bytes_in(&envelope), &plain, &err));
	assert_int_equal(err.code, ERROR_KEY_MISMATCH);
	assert_false(seal_open_buf(thief, &other, bytes_in(&envelope), &plain, &err));
	assert_int_equal(err.code, ERROR_INVALID); /* not even asked */

	/* With the stolen key in a ring made for the other worker. */
	struct seal_key *root = key_of(ROOT_A), *own = seal_key_for_worker(root, WORKER, &err);
	struct seal_ring *forged = seal_ring_create("another", &err);
	assert_true(seal_ring_add(forged, own, &err));
	assert_false(seal_open_buf(forged, &other, bytes_in(&envelope), &plain, &err));
	assert_int_equal(err.code, ERROR_KEY_MISMATCH);
	seal_key_destroy(root);
	seal_key_destroy(own);
	seal_ring_destroy(forged);
	seal_ring_destroy(thief);
	seal_ring_destroy(manager);
}

/* The key in use, both with the new one second, then first, then the new one alone. */
static void test_rotation(void **state) {
	(void)state;
	static const char *const steps[][4] = {
		{ ROOT_A, NULL, ROOT_A, NULL },
		{ ROOT_A, ROOT_B, ROOT_A, NULL },
		{ ROOT_A, ROOT_B, ROOT_A, ROOT_B },
		{ ROOT_B, ROOT_A, ROOT_A, ROOT_B },
		{ ROOT_B, ROOT_A, ROOT_B, NULL },
		{ ROOT_B, NULL, ROOT_B, NULL },
	};
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct seal_ring *manager = ring_of(NULL, steps[i][0], steps[i][1]);
		struct seal_ring *worker = ring_of(WORKER, steps[i][2], steps[i][3]);
		assert_int_equal(pass(worker, manager, &result), ERROR_NONE);
		assert_int_equal(pass(manager, worker, &command), ERROR_NONE);
		assert_int_equal(pass(worker, manager, &result), ERROR_NONE);
		seal_ring_destroy(manager);
		seal_ring_destroy(worker);
	}
	struct seal_ring *both = ring_of(NULL, ROOT_B, ROOT_A),
			 *old = ring_of(WORKER, ROOT_A, NULL);
	assert_int_equal(pass(old, both, &result), ERROR_NONE);
	assert_int_equal(pass(both, old, &command), ERROR_KEY_MISMATCH); /* always with the first */
	seal_ring_destroy(both);
	seal_ring_destroy(old);
	struct seal_ring *manager = ring_of(NULL, ROOT_B, NULL);
	struct seal_ring *late = ring_of(WORKER, ROOT_A, NULL);
	assert_int_equal(pass(late, manager, &result), ERROR_KEY_MISMATCH);
	assert_int_equal(pass(manager, late, &command), ERROR_KEY_MISMATCH);
	seal_ring_destroy(manager);
	seal_ring_destroy(late);
}

/* More workers than a ring keeps keys of, with names that are longer than it keeps, too. */
static void test_many_workers(void **state) {
	(void)state;
	struct seal_ring *one = ring_of(NULL, ROOT_B, ROOT_A), *two = ring_of(NULL, ROOT_A, ROOT_B);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 400; i++) {
			char name[100];
			(void)snprintf(name, sizeof(name), "%0*d", i % 80 + 4, i);
			struct seal_context context = { .direction = (enum seal_direction)(
									i % SEAL_DIRECTIONS),
				.worker = name };
			assert_int_equal(pass(one, two, &context), ERROR_NONE);
			assert_int_equal(pass(two, one, &context), ERROR_NONE);
		}
	}
	seal_ring_destroy(one);
	seal_ring_destroy(two);
}

static void test_an_empty_ring(void **state) {
	(void)state;
	struct error err;
	struct seal_ring *ring = seal_ring_create(NULL, &err);
	CLEANUP(buf_finish) struct buf out = BUF_INIT(1000);
	assert_false(seal_box(ring, &command, bytes_of("x"), &out, &err));
	assert_int_equal(err.code, ERROR_INVALID);
	assert_int_equal(out.size, 0);
	seal_ring_destroy(ring);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_generated_keys_differ),
		cmocka_unit_test(test_a_workers_key),
		cmocka_unit_test(test_a_ring_takes_eight_different_keys),
		cmocka_unit_test(test_a_worker_with_the_root),
		cmocka_unit_test(test_a_worker_with_its_own_key),
		cmocka_unit_test(test_a_stolen_worker_opens_only_its_own),
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_many_workers),
		cmocka_unit_test(test_an_empty_ring),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
