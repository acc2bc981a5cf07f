/* SPDX-License-Identifier: Apache-2.0 */
#include "image/challenge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

static void what_registries_say(void **state) {
	(void)state;
	static const struct {
		const char *text;
		enum challenge_kind kind;
		const char *realm, *service, *scope;
	} rows[] = {
		{ "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\","
		  "scope=\"repository:a/b:pull,push\"",
				CHALLENGE_BEARER, "https://auth.docker.io/token",
				"registry.docker.io", "repository:a/b:pull,push" },
		{ "bearer Realm = \"https://x/\\\"t\" , error=\"invalid_token\"", CHALLENGE_BEARER,
				"https://x/\"t", NULL, NULL },
		{ "Basic realm=\"Registry\"", CHALLENGE_BASIC, NULL, NULL, NULL },
		{ "BASIC", CHALLENGE_BASIC, NULL, NULL, NULL },
		{ "Basic realm=\"a, b\", Bearer realm=\"https://x\",service=y", CHALLENGE_BEARER,
				"https://x", "y", NULL },
		{ "Negotiate, Basic realm=\"x\"", CHALLENGE_BASIC, NULL, NULL, NULL },
		{ "Negotiate abc==, Basic realm=\"x\"", CHALLENGE_BASIC, NULL, NULL, NULL },
		{ "Bearer service=\"no realm\", Basic", CHALLENGE_BASIC, NULL, NULL, NULL },
		{ "Bearer realm=\"open", CHALLENGE_BEARER, "open", NULL, NULL },
		{ "Bearer realm=\"first\",realm=\"second\"", CHALLENGE_BEARER, "first", NULL,
				NULL },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct challenge it;
		struct error err;
		if (!challenge_parse(rows[i].text, &it, &err)) {
			fail_msg("%s: %s", rows[i].text, err.message);
		}
		if (it.kind != rows[i].kind || !str_equal(it.realm, rows[i].realm) ||
				!str_equal(it.service, rows[i].service) ||
				!str_equal(it.scope, rows[i].scope)) {
			fail_msg("%s: %d %s %s %s", rows[i].text, (int)it.kind, it.realm,
					it.service, it.scope);
		}
		challenge_finish(&it);
	}
}

static void nothing_that_we_know(void **state) {
	(void)state;
	static const char *const texts[] = { "", ",,, ", "Negotiate", "Digest realm=\"x\"",
		"\"Bearer\"", "= = =", "Bearer", "Bearer realm", "\\", "NTLM \x80\xff" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct challenge it;
		struct error err;
		if (challenge_parse(texts[i], &it, &err)) {
			fail_msg("%s is taken", texts[i]);
		}
		assert_int_equal(err.code, ERROR_UNSUPPORTED);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_registries_say),
		cmocka_unit_test(nothing_that_we_know),
	};
	return cmocka_run_group_tests_name("image/challenge", tests, NULL, NULL);
}
