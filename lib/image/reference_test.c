/* SPDX-License-Identifier: Apache-2.0 */
#include "image/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void names_and_what_they_mean(void **state) {
	(void)state;
	static const struct {
		const char *text, *host, *repository, *tag, *digest, *member;
	} rows[] = {
		{ "alpine", "docker.io", "library/alpine", "latest", NULL, NULL },
		{ "alpine:3", "docker.io", "library/alpine", "3", NULL, NULL },
		{ "docker.io/alpine", "docker.io", "library/alpine", "latest", NULL, NULL },
		{ "index.docker.io/a/b", "docker.io", "a/b", "latest", NULL, NULL },
		{ "team/add:1.2", "docker.io", "team/add", "1.2", NULL, NULL },
		{ "ghcr.io/team/add", "ghcr.io", "team/add", "latest", NULL, NULL },
		{ "localhost/add", "localhost", "add", "latest", NULL, NULL },
		{ "localhost:5000/add:V_1", "localhost:5000", "add", "V_1", NULL, NULL },
		{ "[::1]:5000/a/b/c:x", "[::1]:5000", "a/b/c", "x", NULL, NULL },
		{ "oci://r.example/a", "r.example", "a", "latest", NULL, NULL },
		{ "docker://r.example/a__b/c-d--e.f", "r.example", "a__b/c-d--e.f", "latest", NULL,
				NULL },
		{ "r.example/a@sha256:" HEX, "r.example", "a", NULL, "sha256:" HEX, NULL },
		{ "r.example:1/a:t@sha256:" HEX, "r.example:1", "a", NULL, "sha256:" HEX, NULL },
		{ "r.example/a:t#bin/app.wasm", "r.example", "a", "t", NULL, "bin/app.wasm" },
		{ "r.example/a#sha256:" HEX, "r.example", "a", "latest", NULL, "sha256:" HEX },
		{ "a#x@y:z", "docker.io", "library/a", "latest", NULL, "x@y:z" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct image_reference it;
		struct error err;
		if (!image_reference_parse(rows[i].text, &it, &err)) {
			fail_msg("%s: %s", rows[i].text, err.message);
		}
		if (!str_equal(it.host, rows[i].host) ||
				!str_equal(it.repository, rows[i].repository) ||
				!str_equal(it.tag, rows[i].tag) ||
				!str_equal(it.digest, rows[i].digest) ||
				!str_equal(it.member, rows[i].member)) {
			fail_msg("%s: %s %s %s %s %s", rows[i].text, it.host, it.repository, it.tag,
					it.digest, it.member);
		}
		image_reference_finish(&it);
		image_reference_finish(&it);
	}
}

static void names_that_are_none(void **state) {
	(void)state;
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "", "1 to 1024" },
		{ "\xff", "1 to 1024" },
		{ "https://r.example/a", "web address" },
		{ "r.example/", "not the name of a repository" },
		{ "r.example/A", "not the name of a repository" },
		{ "r.example/a//b", "not the name of a repository" },
		{ "r.example/a/", "not the name of a repository" },
		{ "r.example/../a", "not the name of a repository" },
		{ "r.example/a..b", "not the name of a repository" },
		{ "r.example/a___b", "not the name of a repository" },
		{ "r.example/a?x=1", "not the name of a repository" },
		{ "r.example/a%2f", "not the name of a repository" },
		{ "r.example:0/a", "not the name of a registry" },
		{ "r.example:99999/a", "not the name of a registry" },
		{ "r.example:/a", "not the name of a registry" },
		{ "user:key@r.example/a", "not a digest" },
		{ "[::1/a", "not the name of a registry" },
		{ "-r.example/a", "not the name of a registry" },
		{ "r.ex ample/a", "not the name of a registry" },
		{ "r.example/a:", "not a tag" },
		{ "r.example/a:.x", "not a tag" },
		{ "r.example/a:x/y", "not the name of a repository" },
		{ "r.example/a:\r\nHost", "not a tag" },
		{ "r.example/a@", "not a digest" },
		{ "r.example/a@sha512:" HEX, "not a digest" },
		{ "r.example/a@sha256:ABC", "not a digest" },
		{ "r.example/a#", "behind #" },
		{ "r.example/a#\x01", "behind #" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct image_reference it;
		struct error err;
		if (image_reference_parse(rows[i].text, &it, &err)) {
			fail_msg("%s is taken", rows[i].text);
		}
		if (err.code != ERROR_INVALID || strstr(err.message, rows[i].says) == NULL) {
			fail_msg("%s: %s", rows[i].text, err.message);
		}
	}
}

static void long_names_have_a_bound(void **state) {
	(void)state;
	char text[400] = "r.example/";
	struct image_reference it;
	struct error err;
	memset(text + 10, 'a', 256);
	assert_false(image_reference_parse(text, &it, &err));
	text[10 + 255] = 0;
	assert_true(image_reference_parse(text, &it, &err));
	image_reference_finish(&it);
}

static void who_answers_for_docker(void **state) {
	(void)state;
	struct image_reference it;
	struct error err;
	assert_true(image_reference_parse("alpine", &it, &err));
	assert_string_equal(image_reference_server(&it), "registry-1.docker.io");
	image_reference_finish(&it);
	assert_true(image_reference_parse("localhost:1/a", &it, &err));
	assert_string_equal(image_reference_server(&it), "localhost:1");
	image_reference_finish(&it);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_what_they_mean),
		cmocka_unit_test(names_that_are_none),
		cmocka_unit_test(long_names_have_a_bound),
		cmocka_unit_test(who_answers_for_docker),
	};
	return cmocka_run_group_tests_name("image/reference", tests, NULL, NULL);
}
