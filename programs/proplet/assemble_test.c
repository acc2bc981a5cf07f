/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/assemble.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

enum { SIZE = 2 * CHUNK_BYTES + 100 };

struct module {
	uint8_t *bytes;
	char digest[DIGEST_HEX_SIZE];
};

static struct module make_module(void) {
	struct module module = { .bytes = mem_zero(SIZE, 1) };
	for (size_t i = 0; i < SIZE; i++) {
		module.bytes[i] = (uint8_t)(i * 31);
	}
	digest_hex(module.bytes, SIZE, module.digest);
	return module;
}

static struct chunk chunk_of(const struct module *module, uint32_t index) {
	struct chunk chunk = { .module_size = SIZE,
		.index = index,
		.count = 3,
		.data = { module->bytes + index * CHUNK_BYTES, index == 2 ? 100 : CHUNK_BYTES } };
	memcpy(chunk.digest, module->digest, sizeof(chunk.digest));
	return chunk;
}

static void add(struct assembly *assembly, const struct chunk *chunk, bool fresh) {
	struct error err;
	bool was_fresh;
	assert_true(assembly_add(assembly, chunk, &was_fresh, &err));
	assert_int_equal(was_fresh, fresh);
}

static void any_order_and_repeats(void **state) {
	(void)state;
	struct module module = make_module();
	struct buf out = BUF_INIT(SIZE);
	struct error err;
	struct assembly *assembly = assembly_create(module.digest, SIZE, &err);
	static const uint32_t order[] = { 2, 0, 2, 1, 0 };
	static const bool fresh[] = { true, true, false, true, false };
	for (size_t i = 0; i < 5; i++) {
		struct chunk chunk = chunk_of(&module, order[i]);
		add(assembly, &chunk, fresh[i]);
		assert_int_equal(assembly_complete(assembly), i >= 3);
	}
	assert_true(assembly_join(assembly, &out, &err));
	assert_int_equal(out.size, SIZE);
	assert_memory_equal(out.data, module.bytes, SIZE);
	buf_finish(&out);
	assembly_destroy(assembly);
	free(module.bytes);
}

static void what_does_not_fit_is_refused(void **state) {
	(void)state;
	struct module module = make_module();
	struct error err;
	bool fresh;
	struct assembly *assembly = assembly_create(module.digest, SIZE, &err);
	struct chunk other = chunk_of(&module, 0);
	other.digest[0] = other.digest[0] == 'a' ? 'b' : 'a';
	assert_false(assembly_add(assembly, &other, &fresh, &err));
	struct chunk grown = chunk_of(&module, 0);
	grown.module_size += 1; /* the size changed midway */
	assert_false(assembly_add(assembly, &grown, &fresh, &err));
	struct chunk more = chunk_of(&module, 0);
	more.count = 4;
	assert_false(assembly_add(assembly, &more, &fresh, &err));
	struct chunk beyond = chunk_of(&module, 0);
	beyond.index = 3;
	assert_false(assembly_add(assembly, &beyond, &fresh, &err));
	assert_int_equal(assembly_missing(assembly, 0), 0);
	assembly_destroy(assembly);
	free(module.bytes);
}

static void a_changed_byte_is_found(void **state) {
	(void)state;
	struct module module = make_module();
	struct buf out = BUF_INIT(SIZE);
	struct error err;
	struct assembly *assembly = assembly_create(module.digest, SIZE, &err);
	module.bytes[5] ^= 1;
	for (uint32_t i = 0; i < 3; i++) {
		struct chunk chunk = chunk_of(&module, i);
		add(assembly, &chunk, true);
	}
	assert_false(assembly_join(assembly, &out, &err));
	assert_int_equal(err.code, ERROR_INTEGRITY);
	assembly_destroy(assembly);
	buf_finish(&out);
	free(module.bytes);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order_and_repeats),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(a_changed_byte_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
