/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sections.h"

#include "engine/fixture.h"

static bool scan(const char *bytes, size_t size, struct strings *names) {
	strings_finish(names);
	/* A copy of the exact size, so that a sanitizer sees each byte read behind it. */
	uint8_t *copy = malloc(size > 0 ? size : 1);
	assert_non_null(copy);
	memcpy(copy, bytes, size);
	bool ok = sections_exports((struct bytes){ copy, size }, names);
	free(copy);
	return ok;
}

static void exported_functions_are_found(void **state) {
	(void)state;
	struct strings names = { 0 };
	wasm_byte_vec_t wasm =
			wasm_of("(module (memory (export \"memory\") 1) (func (export \"a\"))"
				" (func (export \"\")) (func (export \"long name\")))");
	assert_true(scan(wasm.data, wasm.size, &names));
	assert_int_equal(names.count, 3);
	assert_true(strings_has(&names, "a") && strings_has(&names, "long name"));
	assert_false(strings_has(&names, "memory"));
	wasm_byte_vec_delete(&wasm);
	wasm = wasm_of("(module)");
	assert_true(scan(wasm.data, wasm.size, &names));
	assert_int_equal(names.count, 0);
	wasm_byte_vec_delete(&wasm);
	strings_finish(&names);
}

/* Every cut and every changed byte: no more than false may come of it. */
static void bad_bytes_are_survived(void **state) {
	(void)state;
	struct strings names = { 0 };
	wasm_byte_vec_t wasm = wasm_of("(module (func (export \"a\")) (func (export \"b\"))"
				       " (memory (export \"m\") 1))");
	for (size_t size = 0; size < 8; size++) {
		assert_false(scan(wasm.data, size, &names));
	}
	for (size_t size = 0; size < wasm.size; size++) {
		(void)scan(wasm.data, size, &names);
		char before = wasm.data[size];
		for (int value = 0; value < 256; value++) {
			wasm.data[size] = (char)value;
			(void)scan(wasm.data, wasm.size, &names);
		}
		wasm.data[size] = before;
	}
	assert_false(scan("\0asm\1\0\0\0\7\xff\xff\xff\xff\x0f", 14, &names));
	assert_false(scan("\0asm\1\0\0\0\7\x80\x80\x80\x80\x80\x01", 15, &names));
	assert_false(scan("\0asm\1\0\0\0\7\5\xff\xff\xff\xff\x0f", 14, &names));
	assert_false(scan("\0asm\x0d\0\1\0", 8, &names));
	wasm_byte_vec_delete(&wasm);
	strings_finish(&names);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exported_functions_are_found),
		cmocka_unit_test(bad_bytes_are_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
