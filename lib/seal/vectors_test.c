/* SPDX-License-Identifier: Apache-2.0 */
/* spec/seal-vectors.json, which another implementation made (tests/sealed.py). */
#include <jansson.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/str.h"
#include "seal/context.h"
#include "seal/derive.h"
#include "seal/envelope.h"
#include "seal/fixture.h"
#include "seal/ring.h"
#include "seal/v1.h"

static const char *text_of(const json_t *object, const char *name) {
	return json_string_value(json_object_get(object, name));
}

static void read_hex(const json_t *object, const char *name, struct buf *out) {
	struct error err;
	const char *text = text_of(object, name);
	assert_non_null(text);
	assert_true(buf_reserve(out, strlen(text) / 2, &err));
	assert_true(hex_decode(text, out->data, strlen(text) / 2));
	out->size = strlen(text) / 2;
}

static void read_base64(const json_t *object, const char *name, struct buf *out) {
	struct error err;
	const char *text = text_of(object, name);
	assert_non_null(text);
	assert_true(base64_decode(text, strlen(text), out, &err));
}

static enum seal_direction direction_of(const char *name) {
	for (enum seal_direction i = 0; i < SEAL_DIRECTIONS; i++) {
		if (str_equal(seal_direction_name(i), name)) {
			return i;
		}
	}
	fail_msg("no direction %s", name);
	return SEAL_DIRECTIONS;
}

static uint64_t number_of(const json_t *object, const char *name) {
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

static struct seal_context context_of(const json_t *vector) {
	const json_t *object = json_object_get(vector, "context");
	return (struct seal_context){
		.direction = direction_of(text_of(object, "direction")),
		.worker = text_of(object, "worker"),
		.boot = text_of(object, "boot"),
		.number = number_of(object, "number"),
		.task_id = text_of(object, "task"),
		.attempt = number_of(object, "attempt"),
		.subject = text_of(object, "subject"),
		.index = number_of(object, "index"),
		.count = number_of(object, "count"),
	};
}

/* A ring of roots, or of the worker where the vector is in the own form. */
static struct seal_ring *ring_for(const json_t *vector, const struct seal_context *context) {
	bool own = str_equal(text_of(vector, "form"), "own");
	return ring_of(own ? context->worker : NULL, text_of(vector, "key"), NULL);
}

static void check_key(const json_t *vector) {
	struct error err;
	char text[SEAL_KEY_TEXT_SIZE];
	const char *worker = text_of(vector, "worker"), *name;
	json_t *value;
	struct seal_key *root = key_of(text_of(vector, "root"));
	struct seal_key *own = seal_key_for_worker(root, worker, &err);
	assert_non_null(own);
	seal_key_text(own, text);
	assert_string_equal(text, text_of(vector, "worker_key"));
	struct seal_ring *ring = ring_of(NULL, text_of(vector, "root"), NULL);
	assert_int_equal(json_object_size(json_object_get(vector, "directions")), SEAL_DIRECTIONS);
	json_object_foreach(json_object_get(vector, "directions"), name, value) {
		struct ring_key key;
		ring_derive(ring, 0, worker, direction_of(name), &key);
		hex_encode(key.bytes, sizeof(key.bytes), text);
		assert_string_equal(text, json_string_value(value));
		hex_encode(key.id, sizeof(key.id), text);
		assert_string_equal(text, text_of(vector, "id"));
	}
	seal_ring_destroy(ring);
	seal_key_destroy(own);
	seal_key_destroy(root);
}

static void check_envelope(const json_t *vector) {
	struct error err;
	struct seal_context context = context_of(vector);
	struct seal_ring *ring = ring_for(vector, &context);
	CLEANUP(buf_finish) struct buf plain = BUF_INIT(10000), aad = BUF_INIT(10000);
	CLEANUP(buf_finish) struct buf nonce = BUF_INIT(100), envelope = BUF_INIT(10000);
	CLEANUP(buf_finish) struct buf is = BUF_INIT(10000), opened = BUF_INIT(10000);
	read_hex(vector, "plain", &plain);
	read_hex(vector, "aad", &aad);
	read_hex(vector, "nonce", &nonce);
	read_base64(vector, "envelope", &envelope);
	assert_int_equal(nonce.size, XAES_NONCE_BYTES);

	context_encode(&context, envelope.data + 1, &is);
	assert_int_equal(is.size, aad.size);
	assert_memory_equal(is.data, aad.data, aad.size);
	buf_clear(&is);
	assert_true(buf_reserve(&is, envelope.size, &err));
	size_t form = str_equal(text_of(vector, "form"), "own") ? 1 : 0;
	assert_true(envelope_seal(
			ring, form, &context, nonce.data, bytes_in(&plain), is.data, &err));
	assert_int_equal(envelope.size, SEAL_OVERHEAD_BYTES + plain.size);
	assert_memory_equal(is.data, envelope.data, envelope.size);
	assert_true(seal_open_buf(ring, &context, bytes_in(&envelope), &opened, &err));
	assert_int_equal(opened.size, plain.size);
	assert_memory_equal(opened.data, plain.data, plain.size);
	seal_ring_destroy(ring);
}

static void check_refused(const json_t *vector) {
	struct error err;
	struct seal_context context = context_of(vector);
	struct seal_ring *ring = ring_for(vector, &context);
	CLEANUP(buf_finish) struct buf envelope = BUF_INIT(10000), opened = BUF_INIT(10000);
	read_base64(vector, "envelope", &envelope);
	assert_false(seal_open_buf(ring, &context, bytes_in(&envelope), &opened, &err));
	assert_string_equal(error_slug(err.code), text_of(vector, "error"));
	seal_ring_destroy(ring);
}

static void check_signed(const json_t *vector) {
	struct error err;
	struct seal_context context = context_of(vector);
	struct seal_ring *ring = ring_for(vector, &context);
	CLEANUP(buf_finish) struct buf json = BUF_INIT(10000);
	assert_true(seal_verify(ring, &context, bytes_of(text_of(vector, "message")), &json, &err));
	assert_string_equal(buf_text(&json), text_of(vector, "text"));
	seal_ring_destroy(ring);
}

static void check_v1(const json_t *vector) {
	struct error err;
	struct seal_memory memory;
	struct seal_ring *ring = ring_of(NULL, text_of(vector, "key"), NULL);
	CLEANUP(buf_finish) struct buf plain = BUF_INIT(10000), envelope = BUF_INIT(10000);
	read_hex(vector, "plain", &plain);
	read_base64(vector, "envelope", &envelope);
	assert_true(seal_v1_open(
			ring, bytes_in(&envelope), text_of(vector, "checksum"), &memory, &err));
	assert_int_equal(memory.size, plain.size);
	assert_memory_equal(memory.data, buf_text(&plain), plain.size);
	seal_memory_finish(&memory);
	seal_ring_destroy(ring);
}

static void check_all(void **state, const char *name, size_t least, void (*check)(const json_t *)) {
	size_t i;
	json_t *vector, *list = json_object_get(*state, name);
	assert_true(json_array_size(list) >= least);
	json_array_foreach(list, i, vector) {
		check(vector);
	}
}

static void test_keys(void **state) {
	check_all(state, "keys", 4, check_key);
}

static void test_envelopes(void **state) {
	check_all(state, "envelopes", 11, check_envelope);
}

static void test_refused(void **state) {
	check_all(state, "refused", 16, check_refused);
}

static void test_signed(void **state) {
	check_all(state, "signed", 1, check_signed);
}

static void test_v1(void **state) {
	check_all(state, "v1", 3, check_v1);
}

static int read_vectors(void **state) {
	json_error_t error;
	*state = json_load_file(getenv("SEAL_VECTORS"), 0, &error);
	return *state != NULL ? 0 : -1;
}

static int forget_vectors(void **state) {
	json_decref(*state);
	return 0;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_envelopes),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_signed),
		cmocka_unit_test(test_v1),
	};
	return cmocka_run_group_tests(tests, read_vectors, forget_vectors);
}
