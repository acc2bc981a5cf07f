/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/media.h"

#include "manager/fixture.h"

static void types_are_whole(void **state) {
	static const struct {
		const char *value;
		bool is;
	} rows[] = {
		{ "application/json", true },
		{ " Application/JSON", true },
		{ "application/json;charset=utf-8", true },
		{ "application/json ; x", true },
		{ "application/jsonl", false },
		{ "application/json-patch+json", false },
		{ "application/json, text/html", false },
		{ "text/plain; a=application/json", false },
		{ "application/jso", false },
		{ "", false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (media_is(rows[i].value, "application/json") != rows[i].is) {
			fail_msg("%s", rows[i].value);
		}
	}
}

static void parameters(void **state) {
	static const struct {
		const char *value, *is; /* NULL: none */
	} rows[] = {
		{ "t; name=file", "file" },
		{ "t;NAME=\"file\"", "file" },
		{ "t; name = file ; x", "file" },
		{ "t; filename=\"name=no\"; name=\"a b\"", "a b" },
		{ "t; filename=\"a\\\"; name=no\"; name=yes", "yes" },
		{ "t; filename=\"name\"", NULL },
		{ "t; xname=no; name=yes; name=no", "yes" },
		{ "t; name", NULL },
		{ "t; name; name=yes", "yes" },
		{ "t; name=", "" },
		{ "t; name=\"\"", "" },
		{ "t; name=\"open", "open" },
		{ "t; name=\"back\\", "back\\" },
		{ "t; name*=utf-8''no", NULL },
		{ "name=no", NULL },
		{ "t; =; ==; ; name=a=b", "a=b" },
		{ "t; name=1234567", "1234567" },
		{ "t; name=12345678", NULL }, /* no room */
		{ "", NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[8];
		bool found = media_parameter(rows[i].value, "name", out, sizeof(out));
		if (found != (rows[i].is != NULL) || (found && strcmp(out, rows[i].is) != 0)) {
			fail_msg("%s: %s", rows[i].value, found ? out : "none");
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_are_whole),
		cmocka_unit_test(parameters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
