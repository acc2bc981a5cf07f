/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/v1.h"

#include "base/mem.h"
#include "seal/fixture.h"

static void expect(struct seal_ring *ring, struct bytes envelope, const char *checksum) {
	struct error err;
	struct seal_memory memory;
	assert_false(seal_v1_open(ring, envelope, checksum, &memory, &err));
	assert_int_equal(err.code, ERROR_INTEGRITY);
	assert_null(memory.data);
}

static void test_round_trips(void **state) {
	(void)state;
	struct error err;
	struct seal_ring *ring = ring_of(NULL, ROOT_A, NULL), *both = ring_of(NULL, ROOT_B, ROOT_A);
	struct seal_ring *other = ring_of(NULL, ROOT_B, NULL);
	static const char *const texts[] = { "", "x", "a module" };
	for (size_t i = 0; i < 3; i++) {
		struct seal_memory memory;
		char checksum[DIGEST_HEX_SIZE], is[DIGEST_HEX_SIZE];
		CLEANUP(buf_finish) struct buf envelope = BUF_INIT(1000);
		assert_true(seal_v1_box(ring, bytes_of(texts[i]), &envelope, checksum, &err));
		assert_int_equal(envelope.size, SEAL_V1_OVERHEAD_BYTES + strlen(texts[i]));
		digest_hex(envelope.data, envelope.size, is);
		assert_string_equal(checksum, is);
		assert_true(seal_v1_open(both, bytes_in(&envelope), checksum, &memory, &err));
		assert_int_equal(memory.size, strlen(texts[i]));
		assert_memory_equal(memory.data, texts[i], memory.size);
		seal_memory_finish(&memory);
		assert_true(seal_v1_open(ring, bytes_in(&envelope), NULL, &memory, &err));
		seal_memory_finish(&memory);
		expect(other, bytes_in(&envelope), checksum);
	}
	seal_ring_destroy(ring);
	seal_ring_destroy(both);
	seal_ring_destroy(other);
}

static void test_what_was_changed(void **state) {
	(void)state;
	struct error err;
	char checksum[DIGEST_HEX_SIZE];
	struct seal_ring *ring = ring_of(WORKER, ROOT_A, NULL);
	CLEANUP(buf_finish) struct buf envelope = BUF_INIT(1000);
	assert_true(seal_v1_box(ring, bytes_of("hello"), &envelope, checksum, &err));
	for (size_t size = 0; size < envelope.size; size++) {
		CLEANUP(mem_freep) uint8_t *cut = mem_zero(size, 1);
		memcpy(cut, envelope.data, size);
		expect(ring, (struct bytes){ cut, size }, NULL);
	}
	for (size_t at = 0; at < envelope.size; at++) {
		envelope.data[at] ^= 0x80;
		expect(ring, bytes_in(&envelope), NULL);
		expect(ring, bytes_in(&envelope), checksum);
		envelope.data[at] ^= 0x80;
	}
	expect(ring, bytes_in(&envelope), "");
	expect(ring, bytes_in(&envelope), ROOT_A);
	seal_ring_destroy(ring);
}

static void test_refused(void **state) {
	(void)state;
	struct error err;
	char checksum[DIGEST_HEX_SIZE];
	struct seal_ring *ring = ring_of(NULL, ROOT_A, NULL), *none = seal_ring_create(NULL, &err);
	CLEANUP(buf_finish) struct buf out = BUF_INIT(30);
	struct bytes huge = { (const uint8_t *)"", (size_t)SEAL_PLAIN_MAX + 1 };
	assert_false(seal_v1_box(ring, huge, &out, checksum, &err));
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	assert_false(seal_v1_box(ring, bytes_of("too long"), &out, checksum, &err));
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	assert_false(seal_v1_box(none, bytes_of("x"), &out, checksum, &err));
	assert_int_equal(err.code, ERROR_INVALID);
	seal_ring_destroy(ring);
	seal_ring_destroy(none);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_what_was_changed),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
