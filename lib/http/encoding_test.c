/* SPDX-License-Identifier: Apache-2.0 */
#include "http/encoding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void gzip_is_taken_by_who_says_so(void **state) {
	static const struct {
		const char *accept;
		bool taken;
	} cases[] = {
		{ NULL, false },
		{ "", false },
		{ "identity", false },
		{ "gzip", true },
		{ "GZip", true },
		{ "x-gzip", true },
		{ "deflate, gzip;q=0.5, br", true },
		{ "br,gzip", true },
		{ "gzip;q=0", false },
		{ "gzip; q=0.000", false },
		{ "gzip;q=0, *", false },
		{ "gzip ;q=0.001", true },
		{ "*", true },
		{ "*;q=0", false },
		{ "br;q=1.0, *;q=0.1", true },
		{ "gzippy", false },
		{ "br;q=0,gzip", true },
		{ " , ,gzip", true },
		{ ";q=0", false },
		{ "gzip;x=1;q=0", false },
		{ "identity;q=0", false },
		{ "gzip;", true },
		{ "gzip;q=", true },
		{ "gzip;q=0.0;x", false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (encoding_takes_gzip(cases[i].accept) != cases[i].taken) {
			fail_msg("\"%s\" is understood wrongly", cases[i].accept);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gzip_is_taken_by_who_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
