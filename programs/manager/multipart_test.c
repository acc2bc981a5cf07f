/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool collect(void *context, struct bytes piece, struct error *err) {
	return buf_append(context, piece.data, piece.size, err);
}

static void parse(const char *body, size_t step, const char *file) {
	struct buf inside = BUF_INIT(1000);
	struct multipart multipart = { .file = collect, .context = &inside };
	struct error err;
	assert_true(multipart_init(&multipart, "multipart/form-data; boundary=XyZ", &err));
	for (size_t at = 0, size = strlen(body); at < size; at += step) {
		size_t piece = size - at < step ? size - at : step;
		assert_true(multipart_feed(&multipart,
				(struct bytes){ (const uint8_t *)body + at, piece }, &err));
	}
	assert_string_equal(buf_text(&inside), file);
	multipart_finish(&multipart);
	buf_finish(&inside);
}

static void the_part_named_file_however_it_is_cut(void **state) {
	(void)state;
	const char *body = "--XyZ\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nno\r\n"
			   "--XyZ\r\nContent-Disposition: form-data; name=\"file\"; "
			   "filename=\"a.wasm\"\r\n\r\n"
			   "one\r\n--XyYtwo\r\n\r\n--XyZ--\r\nepilogue";
	for (size_t step = 1; step < 200; step++) {
		parse(body, step, "one\r\n--XyYtwo\r\n");
	}
}

/* What a body says, and how much of it came: NULL is no error. */
static void judge(const char *body, const char *file, const char *says, bool whole) {
	struct buf inside = BUF_INIT(1000);
	struct multipart multipart = { .file = collect, .context = &inside };
	struct error err = { .message = "" };
	assert_true(multipart_init(
			&multipart, "multipart/form-data; xboundary=a; boundary=b", &err));
	bool sound = multipart_feed(
			&multipart, (struct bytes){ (const uint8_t *)body, strlen(body) }, &err);
	if (sound != (says == NULL) || (says != NULL && strstr(err.message, says) == NULL)) {
		fail_msg("%s: %s", body, err.message);
	}
	assert_string_equal(buf_text(&inside), file);
	assert_int_equal(multipart_is_whole(&multipart, &err), whole);
	multipart_finish(&multipart);
	buf_finish(&inside);
}

#define PART "--b\r\nX: name=file\r\ncontent-disposition: form-data; "

static void one_part_is_the_file(void **state) {
	(void)state;
	judge(PART "name=file\r\n\r\none\r\n--b--", "one", NULL, true);
	judge(PART "name=\"myfile\"\r\n\r\none\r\n--b--", "", NULL, true);
	judge(PART "filename=\"file\"\r\n\r\none\r\n--b--", "", NULL, true);
	judge(PART "filename=\"name=file\"; name=x\r\n\r\none\r\n" PART
		   "name=\"file\"\r\n\r\ntwo\r\n--b--",
			"two", NULL, true);
	judge(PART "name=file\r\n\r\none\r\n" PART "name=file\r\n\r\ntwo\r\n--b--", "one",
			"two parts", false);
	judge(PART "name=file\r\n\r\n\r\n" PART "name=file\r\n\r\ntwo\r\n--b--", "", "two parts",
			false);
	judge(PART "name=file\r\n\r\none\r\n--b-", "one", NULL, false);
	judge(PART "name=file\r\n\r\none", "", NULL, false);
}

static void boundaries_must_be_sound(void **state) {
	(void)state;
	static const char *const types[] = { "multipart/form-data",
		"multipart/form-data; boundary=",
		"multipart/form-data; "
		"boundary="
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" };
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct multipart multipart = { 0 };
		struct error err;
		assert_false(multipart_init(&multipart, types[i], &err));
		assert_int_equal(err.code, ERROR_INVALID);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_part_named_file_however_it_is_cut),
		cmocka_unit_test(one_part_is_the_file),
		cmocka_unit_test(boundaries_must_be_sound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
