/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sections.h"

#include "store/fixture.h"

#define CORE "\0asm\1\0\0\0"
#define COMPONENT "\0asm\x0d\0\1\0"

/* Checks the bytes in pieces of `step`. */
static bool check(const char *bytes, size_t size, size_t step, struct error *err) {
	struct sections sections = { 0 };
	for (size_t at = 0; at < size; at += step) {
		struct bytes piece = { (const uint8_t *)bytes + at,
			size - at < step ? size - at : step };
		if (!sections_feed(&sections, piece, err)) {
			return false;
		}
	}
	return sections_end(&sections, err);
}

static const size_t pieces[] = { 1, 2, 3, 7, 8, 9, 100000 };
enum { PIECES = sizeof(pieces) / sizeof(pieces[0]) };

static void accept(const char *bytes, size_t size) {
	struct error err;
	for (int i = 0; i < PIECES; i++) {
		assert_ok(check(bytes, size, pieces[i], &err));
	}
}

static void refuse(const char *bytes, size_t size, const char *text) {
	struct error err;
	for (int i = 0; i < PIECES; i++) {
		assert_fails(check(bytes, size, pieces[i], &err), ERROR_MODULE, "WebAssembly");
	}
	assert_fails(check(bytes, size, 100000, &err), ERROR_MODULE, text);
}

static void refuse_sections(const char *bytes, size_t size, const char *text) {
	struct error err;
	for (int i = 0; i < PIECES; i++) {
		assert_fails(check(bytes, size, pieces[i], &err), ERROR_MODULE, text);
	}
}

#define ACCEPT(bytes) accept(bytes, sizeof(bytes) - 1)
#define REFUSE(bytes, text) refuse(bytes, sizeof(bytes) - 1, text)
#define REFUSE_SECTIONS(bytes, text) refuse_sections(bytes, sizeof(bytes) - 1, text)

static void test_good(void **state) {
	(void)state;
	ACCEPT(CORE);
	ACCEPT(COMPONENT);
	ACCEPT(CORE "\1\0");
	ACCEPT(CORE "\1\4\1\x60\0\0\3\2\1\0");
	ACCEPT(COMPONENT "\0\3\2hi\1\x80\0");
	ACCEPT(CORE "\0\x83\x80\x80\x80\0abc"); /* a size may be written longer than needed */
}

static void test_large_sections(void **state) {
	(void)state;
	enum { SIZE = 300 * 1024 };
	static const char head[] = CORE "\0\x80\xe0\x12"; /* 307200 */
	char *bytes = mem_zero(sizeof(head) - 1 + SIZE, 1);
	memcpy(bytes, head, sizeof(head) - 1);
	memset(bytes + sizeof(head) - 1, 0xff, SIZE);
	accept(bytes, sizeof(head) - 1 + SIZE);
	refuse_sections(bytes, sizeof(head) - 2 + SIZE, "needs 1 bytes more");
	free(bytes);
}

static void test_heads(void **state) {
	(void)state;
	REFUSE("", "it has only 0 bytes");
	REFUSE("\0asm\1\0\0", "it has only 7 bytes");
	REFUSE("\x7f"
	       "ELF\2\1\1\0more",
			"it begins with \"\\7fELF\\02\\01\\01\\00\"");
	REFUSE("#!/bin/sh\n", "missing magic bytes");
	REFUSE("hi", "it begins with \"hi\"");
	REFUSE("(module)", "wat2wasm");
	REFUSE("(component)", "wat2wasm");
	REFUSE("\0asm\2\0\0\0", "unknown version: it begins with \"\\00asm\\02\\00\\00\\00\"");
	REFUSE("\0asm\x0d\0\2\0", "unknown version");
	REFUSE("\0asm\1\0\1\0", "unknown version");
}

static void test_truncated(void **state) {
	(void)state;
	REFUSE_SECTIONS(CORE "\1", "it ends at byte 9, within the head of section 1 at offset 8");
	REFUSE_SECTIONS(CORE "\1\x80", "within the head of section 1 at offset 8");
	REFUSE_SECTIONS(CORE "\1\1", "section 1 at offset 8 needs 1 bytes more");
	REFUSE_SECTIONS(CORE "\1\0\x0a\5abc",
			"it ends at byte 15, and section 10 at offset 10 needs 2 bytes more");
	REFUSE_SECTIONS(COMPONENT "\0\xff\xff\xff\xff\x0f", "needs 4294967295 bytes more");
}

static void test_sizes(void **state) {
	(void)state;
	REFUSE_SECTIONS(CORE "\1\x80\x80\x80\x80\x10", "section 1 at offset 8 is no 32-bit number");
	REFUSE_SECTIONS(CORE "\2\x80\x80\x80\x80\x80\1",
			"section 2 at offset 8 is no 32-bit number");
}

/* Every cut of a good file is a bad one, except between sections. */
static void test_every_cut(void **state) {
	(void)state;
	static const char whole[] = CORE "\1\4\1\x60\0\0\3\2\1\0";
	struct error err;
	for (size_t size = 0; size < sizeof(whole) - 1; size++) {
		bool between = size == 8 || size == 14;
		assert_int_equal(check(whole, size, 1, &err), between);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_large_sections),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_every_cut),
	};
	return cmocka_run_group_tests_name("store/sections", tests, NULL, NULL);
}
