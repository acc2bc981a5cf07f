/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/seal.h"

#include <pthread.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/random.h"
#include "seal/fixture.h"

static const struct seal_context whole = {
	.direction = SEAL_MODULE,
	.worker = WORKER,
	.boot = "0d4be0c7-3c5f-4c8c-8a4e-2f6b7f1f9a00",
	.number = 17,
	.task_id = "c0ffee00-1111-4222-8333-444455556666",
	.attempt = 3,
	.subject = "registry.example/app:1",
	.index = 1,
	.count = 4,
};

struct ends {
	struct seal_ring *manager, *worker;
};

static int set_up(void **state) {
	struct ends *ends = MEM_NEW(struct ends);
	ends->manager = ring_of(NULL, ROOT_A, ROOT_B);
	ends->worker = ring_of(WORKER, ROOT_A, NULL);
	*state = ends;
	return 0;
}

static int tear_down(void **state) {
	struct ends *ends = *state;
	seal_ring_destroy(ends->manager);
	seal_ring_destroy(ends->worker);
	free(ends);
	return 0;
}

static void seal_bytes(struct ends *ends, struct bytes plain, struct buf *out) {
	struct error err;
	assert_true(seal_box(ends->manager, &whole, plain, out, &err));
	assert_int_equal(out->size, SEAL_OVERHEAD_BYTES + plain.size);
}

static void test_round_trips(void **state) {
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 255, 4096, 262144, 1048576, 3000001 };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct error err;
		struct seal_memory memory;
		CLEANUP(mem_freep) uint8_t *plain = mem_zero(sizes[i] + 1, 1);
		CLEANUP(buf_finish)
		struct buf envelope = BUF_INIT(4 << 20), again = BUF_INIT(4 << 20);
		random_bytes(plain, sizes[i]);
		seal_bytes(*state, (struct bytes){ plain, sizes[i] }, &envelope);
		struct seal_ring *worker = ((struct ends *)*state)->worker;
		assert_true(seal_open(worker, &whole, bytes_in(&envelope), &memory, &err));
		assert_int_equal(memory.size, sizes[i]);
		assert_memory_equal(memory.data, plain, sizes[i]);
		seal_memory_finish(&memory);
		assert_true(seal_open_buf(worker, &whole, bytes_in(&envelope), &again, &err));
		assert_int_equal(again.size, sizes[i]);
		assert_memory_equal(buf_text(&again), plain, sizes[i]);
	}
}

static void test_in_place(void **state) {
	struct ends *ends = *state;
	struct error err;
	uint8_t block[SEAL_OVERHEAD_BYTES + 5];
	uint8_t *inner = block + SEAL_HEADER_BYTES;
	memcpy(inner, "hello", 5);
	assert_true(seal_box_into(ends->manager, &whole, (struct bytes){ inner, 5 }, block, &err));
	assert_memory_not_equal(inner, "hello", 5);
	assert_true(seal_open_into(
			ends->worker, &whole, (struct bytes){ block, sizeof(block) }, inner, &err));
	assert_memory_equal(inner, "hello", 5);
}

static void test_no_two_envelopes_are_equal(void **state) {
	CLEANUP(buf_finish) struct buf one = BUF_INIT(1000), two = BUF_INIT(1000);
	seal_bytes(*state, bytes_of("hello"), &one);
	seal_bytes(*state, bytes_of("hello"), &two);
	assert_memory_equal(one.data, two.data, 9);              /* version and key id */
	assert_memory_not_equal(one.data + 9, two.data + 9, 24); /* nonce */
	assert_memory_not_equal(one.data + 33, two.data + 33, 5);
}

static void expect(struct seal_ring *ring, const struct seal_context *context,
		struct bytes envelope, enum error_code code) {
	struct error err = { 0 };
	struct seal_memory memory;
	CLEANUP(buf_finish) struct buf plain = BUF_INIT(1000);
	assert_true(buf_append(&plain, "kept", 4, &err));
	assert_false(seal_open(ring, context, envelope, &memory, &err));
	assert_int_equal(err.code, code);
	assert_null(memory.data);
	assert_false(seal_open_buf(ring, context, envelope, &plain, &err));
	assert_int_equal(err.code, code);
	assert_string_equal(buf_text(&plain), "kept");
}

static void test_every_field_counts(void **state) {
	struct ends *ends = *state;
	CLEANUP(buf_finish) struct buf envelope = BUF_INIT(1000);
	seal_bytes(ends, bytes_of("hello"), &envelope);
	struct seal_context others[11];
	for (size_t i = 0; i < 11; i++) {
		others[i] = whole;
	}
	others[0].direction = SEAL_IMAGE;
	others[1].boot = "0d4be0c7-3c5f-4c8c-8a4e-2f6b7f1f9a01";
	others[2].boot = NULL;
	others[3].number = 18;
	others[4].task_id = "";
	others[5].attempt = 4;
	others[6].subject = "registry.example/app:2";
	others[7].subject = NULL;
	others[8].index = 2;
	others[9].count = 5;
	others[10].task_id = "c0ffee00-1111-4222-8333-44445555666";
	for (size_t i = 0; i < 11; i++) {
		expect(ends->worker, &others[i], bytes_in(&envelope), ERROR_INTEGRITY);
	}
	struct seal_context other = whole;
	other.worker = "another";
	expect(ends->manager, &other, bytes_in(&envelope), ERROR_KEY_MISMATCH);
}

static void test_absent_is_empty(void **state) {
	struct ends *ends = *state;
	struct error err;
	struct seal_context absent = { .direction = SEAL_COMMAND, .worker = WORKER };
	struct seal_context empty = absent;
	empty.boot = empty.task_id = empty.subject = "";
	CLEANUP(buf_finish) struct buf envelope = BUF_INIT(1000), plain = BUF_INIT(1000);
	assert_true(seal_box(ends->manager, &absent, bytes_of("hello"), &envelope, &err));
	assert_true(seal_open_buf(ends->worker, &empty, bytes_in(&envelope), &plain, &err));
}

static void test_every_cut_is_seen(void **state) {
	struct ends *ends = *state;
	CLEANUP(buf_finish) struct buf envelope = BUF_INIT(1000);
	seal_bytes(ends, bytes_of("hello, hello"), &envelope);
	for (size_t size = 0; size < envelope.size; size++) {
		/* Apart, so that a read past its end is seen. */
		CLEANUP(mem_freep) uint8_t *cut = mem_zero(size, 1);
		memcpy(cut, envelope.data, size);
		expect(ends->worker, &whole, (struct bytes){ cut, size }, ERROR_INTEGRITY);
	}
}

static void test_every_bit_counts(void **state) {
	struct ends *ends = *state;
	CLEANUP(buf_finish) struct buf envelope = BUF_INIT(1000);
	seal_bytes(ends, bytes_of("hello"), &envelope);
	for (size_t bit = 0; bit < 8 * envelope.size; bit++) {
		bool in_id = bit / 8 >= 1 && bit / 8 < 9;
		envelope.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
		expect(ends->worker, &whole, bytes_in(&envelope),
				in_id ? ERROR_KEY_MISMATCH : ERROR_INTEGRITY);
		envelope.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
}

static void test_wrong_keys(void **state) {
	struct ends *ends = *state;
	CLEANUP(buf_finish) struct buf envelope = BUF_INIT(1000);
	struct seal_ring *other = ring_of(WORKER, ROOT_B, NULL);
	seal_bytes(ends, bytes_of("hello"), &envelope);
	expect(other, &whole, bytes_in(&envelope), ERROR_KEY_MISMATCH);
	seal_ring_destroy(other);
}

static void test_texts_have_a_limit(void **state) {
	struct ends *ends = *state;
	struct error err;
	char text[SEAL_TEXT_MAX + 2];
	struct seal_context context = whole;
	CLEANUP(buf_finish) struct buf out = BUF_INIT(10000), plain = BUF_INIT(1000);
	memset(text, 's', sizeof(text));
	text[SEAL_TEXT_MAX + 1] = '\0';
	context.subject = text;
	assert_false(seal_box(ends->manager, &context, bytes_of("x"), &out, &err));
	assert_int_equal(err.code, ERROR_INVALID);
	assert_int_equal(out.size, 0);
	text[SEAL_TEXT_MAX] = '\0';
	context.boot = context.task_id = text;
	assert_true(seal_box(ends->manager, &context, bytes_of("x"), &out, &err));
	assert_true(seal_open_buf(ends->worker, &context, bytes_in(&out), &plain, &err));
}

static void test_too_large(void **state) {
	struct ends *ends = *state;
	struct error err;
	CLEANUP(buf_finish) struct buf out = BUF_INIT(100), plain = BUF_INIT(4);
	struct bytes huge = { (const uint8_t *)"", (size_t)SEAL_PLAIN_MAX + 1 };
	assert_false(seal_box(ends->manager, &whole, huge, &out, &err));
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	assert_false(seal_box(
			ends->manager, &whole, (struct bytes){ huge.data, SIZE_MAX }, &out, &err));
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	seal_bytes(ends, bytes_of("hello"), &out);
	assert_false(seal_box(ends->manager, &whole, bytes_of("hello"), &out, &err));
	assert_int_equal(err.code, ERROR_TOO_LARGE); /* the buffer's limit */
	assert_false(seal_open_buf(ends->worker, &whole, bytes_in(&out), &plain, &err));
	assert_int_equal(err.code, ERROR_TOO_LARGE);
}

static void test_text(void **state) {
	struct ends *ends = *state;
	struct error err;
	CLEANUP(buf_finish) struct buf plain = BUF_INIT(1000);
	CLEANUP(mem_freep) char *text = seal_box_text(ends->manager, &whole, bytes_of("hi"), &err);
	assert_non_null(text);
	assert_int_equal(strlen(text), (SEAL_OVERHEAD_BYTES + 2 + 2) / 3 * 4);
	assert_true(seal_open_text(ends->worker, &whole, text, strlen(text), &plain, &err));
	assert_string_equal(buf_text(&plain), "hi");
	for (size_t cut = 0; cut < strlen(text); cut++) {
		assert_false(seal_open_text(ends->worker, &whole, text, cut, &plain, &err));
		assert_int_equal(err.code, ERROR_INTEGRITY);
	}
	text[3] = '?';
	assert_false(seal_open_text(ends->worker, &whole, text, strlen(text), &plain, &err));
	assert_int_equal(err.code, ERROR_INTEGRITY);
	assert_string_equal(buf_text(&plain), "hi");
}

enum { THREADS = 4, MESSAGES = 300 };

/* Each thread talks with workers of its own and with one that all share. */
static void *talk(void *with) {
	struct seal_ring *ring = with;
	for (int i = 0; i < MESSAGES; i++) {
		struct error err;
		char worker[32];
		(void)snprintf(worker, sizeof(worker), "w%d", i * i % 300);
		struct seal_context context = whole;
		context.worker = i % 2 == 0 ? worker : WORKER;
		context.direction = (enum seal_direction)(i % SEAL_DIRECTIONS);
		CLEANUP(buf_finish) struct buf envelope = BUF_INIT(1000), plain = BUF_INIT(1000);
		if (!seal_box(ring, &context, bytes_of("hello"), &envelope, &err) ||
				!seal_open_buf(ring, &context, bytes_in(&envelope), &plain, &err) ||
				strcmp(buf_text(&plain), "hello") != 0) {
			return with;
		}
	}
	return NULL;
}

static void test_threads(void **state) {
	struct ends *ends = *state;
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, talk, ends->manager), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		void *failed;
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_in_place),
		cmocka_unit_test(test_no_two_envelopes_are_equal),
		cmocka_unit_test(test_every_field_counts),
		cmocka_unit_test(test_absent_is_empty),
		cmocka_unit_test(test_every_cut_is_seen),
		cmocka_unit_test(test_every_bit_counts),
		cmocka_unit_test(test_wrong_keys),
		cmocka_unit_test(test_texts_have_a_limit),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
