/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "base/digest.h"
#include "base/mem.h"
#include "seal/fixture.h"

static const struct seal_context context = {
	.direction = SEAL_ANNOUNCE,
	.worker = WORKER,
	.boot = "0d4be0c7-3c5f-4c8c-8a4e-2f6b7f1f9a00",
	.subject = "control/proplet/create",
};
#define TEXT "{\"proplet_id\":\"w\",\"features\":[\"commands\"]}"

static void sign(struct seal_ring *ring, const char *text, struct buf *out) {
	struct error err;
	assert_true(seal_sign(ring, &context, text, out, &err));
	assert_true(seal_signed(bytes_in(out)));
}

static void expect(struct seal_ring *ring, const struct seal_context *with, struct bytes message,
		enum error_code code) {
	struct error err = { 0 };
	CLEANUP(buf_finish) struct buf json = BUF_INIT(10000);
	assert_true(buf_append(&json, "kept", 4, &err));
	assert_int_equal(seal_verify(ring, with, message, &json, &err), code == ERROR_NONE);
	assert_int_equal(json.size, strlen(buf_text(&json)));
	assert_int_equal(err.code, code);
	assert_string_equal(buf_text(&json), code == ERROR_NONE ? "kept" TEXT : "kept");
}

static char *own_key(const char *root) {
	struct error err;
	struct seal_key *key = key_of(root), *own = seal_key_for_worker(key, WORKER, &err);
	char *text = mem_zero(SEAL_KEY_TEXT_SIZE, 1);
	seal_key_text(own, text);
	seal_key_destroy(key);
	seal_key_destroy(own);
	return text;
}

/* Whether the worker holds the root or its own key: the manager need not know, nor the worker. */
static void test_both_forms(void **state) {
	(void)state;
	CLEANUP(mem_freep) char *own = own_key(ROOT_A);
	const char *const keys[] = { ROOT_A, own };
	struct seal_ring *manager = ring_of(NULL, ROOT_B, ROOT_A);
	for (size_t i = 0; i < 2; i++) {
		CLEANUP(buf_finish) struct buf message = BUF_INIT(10000);
		struct seal_ring *worker = ring_of(WORKER, keys[i], NULL);
		sign(worker, TEXT, &message);
		expect(manager, &context, bytes_in(&message), ERROR_NONE);
		seal_ring_destroy(worker);
	}
	seal_ring_destroy(manager);
}

static void test_eight_keys(void **state) {
	(void)state;
	struct error err;
	struct seal_ring *worker = seal_ring_create(WORKER, &err);
	struct seal_ring *manager = ring_of(NULL, ROOT_A, NULL);
	for (int i = 0; i < 7; i++) {
		struct seal_key *key = seal_key_generate(&err);
		assert_true(seal_ring_add(worker, key, &err));
		seal_key_destroy(key);
	}
	ring_add(worker, ROOT_A);
	CLEANUP(buf_finish) struct buf message = BUF_INIT(10000);
	sign(worker, TEXT, &message);
	expect(manager, &context, bytes_in(&message), ERROR_NONE);
	seal_ring_destroy(manager);
	seal_ring_destroy(worker);
}

static void test_the_context_counts(void **state) {
	(void)state;
	struct seal_ring *ring = ring_of(NULL, ROOT_A, NULL), *other = ring_of(NULL, ROOT_B, NULL);
	CLEANUP(buf_finish) struct buf message = BUF_INIT(10000);
	sign(ring, TEXT, &message);
	struct seal_context boot = context, topic = context, worker = context, notice = context;
	boot.boot = "0d4be0c7-3c5f-4c8c-8a4e-2f6b7f1f9a01";
	topic.subject = "control/proplet/alive";
	worker.worker = "another";
	notice.direction = SEAL_NOTICE;
	expect(ring, &context, bytes_in(&message), ERROR_NONE);
	expect(ring, &boot, bytes_in(&message), ERROR_INTEGRITY);
	expect(ring, &topic, bytes_in(&message), ERROR_INTEGRITY);
	expect(ring, &notice, bytes_in(&message), ERROR_INTEGRITY);
	expect(ring, &worker, bytes_in(&message), ERROR_KEY_MISMATCH);
	expect(other, &context, bytes_in(&message), ERROR_KEY_MISMATCH);
	seal_ring_destroy(ring);
	seal_ring_destroy(other);
}

/* No byte can be changed, left out or put in; the message is what it was before it was signed. */
static void test_every_byte_counts(void **state) {
	(void)state;
	struct error err;
	struct seal_ring *ring = ring_of(NULL, ROOT_A, NULL);
	CLEANUP(buf_finish) struct buf message = BUF_INIT(10000);
	sign(ring, TEXT, &message);
	for (size_t at = 0; at < message.size; at++) {
		CLEANUP(buf_finish) struct buf json = BUF_INIT(10000), less = BUF_INIT(10000);
		message.data[at] ^= 1;
		assert_false(seal_verify(ring, &context, bytes_in(&message), &json, &err));
		message.data[at] ^= 1;
		assert_true(buf_append(&less, message.data, at, &err));
		assert_true(buf_append(&less, message.data + at + 1, message.size - at - 1, &err));
		assert_false(seal_verify(ring, &context, bytes_in(&less), &json, &err));
		expect(ring, &context, (struct bytes){ message.data, at }, ERROR_INTEGRITY);
	}
	expect(ring, &context, bytes_in(&message), ERROR_NONE);
	seal_ring_destroy(ring);
}

/* A list in which G, Z and K stand for envelopes. */
static void add_list(struct buf *message, const char *pattern, char *const envelopes[3]) {
	static const char kinds[] = "GZK";
	struct error err;
	for (; *pattern != '\0'; pattern++) {
		const char piece[] = { *pattern, '\0' };
		const char *kind = strchr(kinds, *pattern);
		const char *text = kind != NULL ? envelopes[kind - kinds] : piece;
		assert_true(buf_append(message, text, strlen(text), &err));
	}
	assert_true(buf_append(message, "]}", 2, &err));
}

/* G: of the message; Z: of something else; K: of the message, with another key. */
static void test_lists(void **state) {
	(void)state;
	struct error err;
	struct seal_ring *ring = ring_of(NULL, ROOT_A, NULL), *alien = ring_of(NULL, ROOT_B, NULL);
	uint8_t zeros[DIGEST_SIZE] = { 0 }, digest[DIGEST_SIZE];
	struct bytes right = { digest, sizeof(digest) }, wrong = { zeros, sizeof(zeros) };
	digest_of(TEXT, strlen(TEXT), digest);
	char *envelopes[] = { seal_box_text(ring, &context, right, &err),
		seal_box_text(ring, &context, wrong, &err),
		seal_box_text(alien, &context, right, &err) };
	const struct {
		const char *list;
		enum error_code code;
	} cases[] = {
		{ "\"G\"", ERROR_NONE },
		{ "\"Z\",\"G\"", ERROR_NONE },
		{ "\"G\",\"Z\"", ERROR_NONE },
		{ "\"Z\"", ERROR_INTEGRITY },
		{ "\"K\"", ERROR_KEY_MISMATCH },
		{ "\"K\",\"G\"", ERROR_NONE },
		{ "\"K\",\"Z\"", ERROR_INTEGRITY },
		{ "\"Z\",\"K\"", ERROR_INTEGRITY },
		{ "\"Z\"x\"G\"", ERROR_INTEGRITY },
		{ "\"Z\" \"G\"", ERROR_INTEGRITY },
		{ "\"G\", ", ERROR_INTEGRITY },
		{ " \"G\"", ERROR_INTEGRITY },
		{ "G", ERROR_INTEGRITY },
		{ "", ERROR_INTEGRITY },
		{ "null", ERROR_INTEGRITY },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CLEANUP(buf_finish) struct buf message = BUF_INIT(10000);
		assert_true(buf_printf(
				&message, &err, "%.*s,\"auth\":[", (int)strlen(TEXT) - 1, TEXT));
		add_list(&message, cases[i].list, envelopes);
		expect(ring, &context, bytes_in(&message), cases[i].code);
	}
	for (size_t i = 0; i < 3; i++) {
		free(envelopes[i]);
	}
	seal_ring_destroy(ring);
	seal_ring_destroy(alien);
}

static void test_what_is_not_signed(void **state) {
	(void)state;
	static const char *const messages[] = { "", "{}", "]}", TEXT, ",\"auth\":[]}",
		"{\"a\":[1]}", "{\"a\":1,\"auth\":\"x\"}" };
	struct error err;
	struct seal_ring *ring = ring_of(NULL, ROOT_A, NULL);
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		expect(ring, &context, bytes_of(messages[i]), ERROR_INTEGRITY);
	}
	assert_false(seal_signed(bytes_of(TEXT)));
	CLEANUP(buf_finish) struct buf out = BUF_INIT(10000);
	static const char *const refused[] = { "", "{}", "[1]", "{\"a\":1}\n", " {\"a\":1}" };
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_false(seal_sign(ring, &context, refused[i], &out, &err));
		assert_int_equal(err.code, ERROR_INVALID);
	}
	seal_ring_destroy(ring);
}

static void test_no_room(void **state) {
	(void)state;
	struct error err;
	struct seal_ring *ring = ring_of(WORKER, ROOT_A, NULL),
			 *none = seal_ring_create(NULL, &err);
	for (size_t room = 4; room < 270; room++) {
		CLEANUP(buf_finish) struct buf out = BUF_INIT(room);
		assert_true(buf_append(&out, "kept", 4, &err));
		assert_false(seal_sign(ring, &context, TEXT, &out, &err));
		assert_int_equal(err.code, ERROR_TOO_LARGE);
		assert_int_equal(out.size, 4);
		assert_string_equal(buf_text(&out), "kept");
		assert_false(seal_sign(none, &context, TEXT, &out, &err));
		assert_int_equal(err.code, ERROR_INVALID);
	}
	seal_ring_destroy(ring);
	seal_ring_destroy(none);
}

/* A message that says within itself that it is signed is taken for what it is. */
static void test_a_list_inside(void **state) {
	(void)state;
	struct error err;
	struct seal_ring *ring = ring_of(NULL, ROOT_A, NULL);
	CLEANUP(buf_finish) struct buf inner = BUF_INIT(10000), outer = BUF_INIT(10000);
	CLEANUP(buf_finish) struct buf json = BUF_INIT(10000);
	sign(ring, TEXT, &inner);
	sign(ring, buf_text(&inner), &outer);
	assert_true(seal_verify(ring, &context, bytes_in(&outer), &json, &err));
	assert_string_equal(buf_text(&json), buf_text(&inner));
	seal_ring_destroy(ring);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_forms),
		cmocka_unit_test(test_eight_keys),
		cmocka_unit_test(test_the_context_counts),
		cmocka_unit_test(test_every_byte_counts),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_what_is_not_signed),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_a_list_inside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
