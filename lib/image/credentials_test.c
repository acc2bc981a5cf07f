/* SPDX-License-Identifier: Apache-2.0 */
#include "image/credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/str.h"

static bool parse(struct credentials *list, const char *text, struct error *err) {
	return credentials_parse(list, (struct bytes){ (const uint8_t *)text, strlen(text) }, err);
}

/* alice:wonder:land, bob:builder */
static const char config[] = "{\"auths\":{\"https://index.docker.io/v1/"
			     "\":{\"auth\":\"YWxpY2U6d29uZGVyOmxhbmQ=\"},"
			     "\"localhost:5000\":{\"auth\":\"Ym9iOmJ1aWxkZXI=\"},"
			     "\"r.example\":{\"username\":\"c\",\"password\":\"d\"},"
			     "\"r.example/team\":{\"registrytoken\":\"tok\"},"
			     "\"empty.example\":{}},\"HttpHeaders\":{},\"credsStore\":\"desktop\"}";

static void each_registry_has_its_own(void **state) {
	(void)state;
	struct credentials list = { 0 };
	struct error err;
	assert_true(parse(&list, config, &err));
	assert_int_equal(list.count, 4);
	const struct credential *one = credentials_for(&list, "docker.io", "library/alpine");
	assert_string_equal(one->username, "alice");
	assert_string_equal(one->password, "wonder:land");
	assert_string_equal(credentials_for(&list, "localhost:5000", "a")->username, "bob");
	assert_string_equal(credentials_for(&list, "R.example", "teams/a")->username, "c");
	assert_string_equal(credentials_for(&list, "r.example", "team/a")->token, "tok");
	assert_string_equal(credentials_for(&list, "r.example", "team")->token, "tok");
	static const char *const others[] = { "localhost", "localhost:50", "localhost:50000",
		"empty.example", "r.example.evil", "evil.r.example", "r.exampl" };
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		const struct credential *store = credentials_for(&list, others[i], "a");
		assert_string_equal(store->program, "desktop");
		assert_true(store->username == NULL && store->token == NULL);
	}
	credentials_finish(&list);
}

/* Which helper is asked for which registry. */
static void helper_programs(void **state) {
	(void)state;
	static const char text[] =
			"{\"auths\":{\"a.example\":{\"username\":\"u\",\"password\":\"p\"},"
			"\"b.example\":{},\"c.example\":{\"username\":\"u\",\"password\":\"p\"}},"
			"\"credHelpers\":{\"https://"
			"c.example\":\"for-c\",\"d.example\":\"for-d\"}}";
	struct credentials list = { 0 };
	struct error err;
	assert_true(parse(&list, text, &err));
	assert_string_equal(credentials_for(&list, "a.example", "x")->username, "u");
	assert_null(credentials_for(&list, "b.example", "x"));
	assert_string_equal(credentials_for(&list, "c.example", "x")->program, "for-c");
	assert_null(credentials_for(&list, "c.example", "x")->username);
	assert_string_equal(credentials_for(&list, "d.example", "x")->program, "for-d");
	assert_null(credentials_for(&list, "e.example", "x"));
	assert_true(parse(&list, "{\"credsStore\":\"for-all\"}", &err));
	assert_string_equal(credentials_for(&list, "d.example", "x")->program, "for-d");
	assert_string_equal(credentials_for(&list, "e.example", "x")->program, "for-all");
	assert_true(parse(&list, "{\"credsStore\":\"\"}", &err)); /* as docker logout leaves it */
	credentials_finish(&list);
}

static void a_header_for_basic(void **state) {
	(void)state;
	struct credential one = { .username = (char[]){ "Aladdin" },
		.password = (char[]){ "open sesame" } };
	char *header = credential_basic(&one);
	assert_string_equal(header, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
	secret_wipe(&header);
}

/* An error never quotes what stands in the file. */
static void what_cannot_be_taken(void **state) {
	(void)state;
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "", "not a JSON object" },
		{ "hunter2", "not a JSON object" },
		{ "[\"hunter2\"]", "not a JSON object" },
		{ "{\"auths\":{\"r.example\":{\"auth\":\"hunter2\"}}}", "not NAME:PASSWORD" },
		{ "{\"auths\":{\"r.example\":{\"auth\":\"aHVudGVyMg==\"}}}", "not NAME:PASSWORD" },
		{ "{\"auths\":{\"r.example\":{\"auth\":\"YToAYg==\"}}}", "not NAME:PASSWORD" },
		{ "{\"credsStore\":\"../hunter2\"}", "by NAME alone" },
		{ "{\"credsStore\":\"/bin/hunter2\"}", "by NAME alone" },
		{ "{\"credsStore\":1}", "by NAME alone" },
		{ "{\"credHelpers\":{\"r.example\":\"hunter2 x\"}}", "by NAME alone" },
		{ "{\"credHelpers\":{\"r.example\":\"\"}}", "by NAME alone" },
		{ "{\"credHelpers\":{\"r.example\":{}}}", "by NAME alone" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct credentials list = { 0 };
		struct error err;
		if (parse(&list, rows[i].text, &err) || strstr(err.message, rows[i].says) == NULL ||
				strstr(err.message, "hunter2") != NULL) {
			fail_msg("%s: %s", rows[i].text, err.message);
		}
		credentials_finish(&list);
	}
}

static void nothing_in_it_is_fine(void **state) {
	(void)state;
	static const char *const texts[] = { "{}", "{\"auths\":{}}", "{\"auths\":null}",
		"{\"auths\":[1]}", "{\"auths\":{\"r.example\":1}}" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct credentials list = { 0 };
		struct error err;
		assert_true(parse(&list, texts[i], &err));
		assert_int_equal(list.count, 0);
		credentials_finish(&list);
	}
}

static void a_file_that_others_may_read(void **state) {
	(void)state;
	char folder[] = "/tmp/airscrew-credentials-XXXXXX";
	struct credentials list = { 0 };
	struct error err;
	assert_non_null(mkdtemp(folder));
	CLEANUP(mem_freep) char *path = str_format("%s/config.json", folder);
	assert_true(file_write(path, config, strlen(config), 0644, &err));
	assert_false(credentials_read(&list, path, &err));
	assert_non_null(strstr(err.message, "chmod 600"));
	assert_int_equal(chmod(path, 0600), 0);
	assert_true(credentials_read(&list, path, &err));
	assert_int_equal(list.count, 4);
	assert_int_equal(unlink(path), 0);
	assert_false(credentials_read(&list, path, &err));
	assert_non_null(strstr(err.message, path));
	assert_int_equal(rmdir(folder), 0);
	credentials_finish(&list);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_registry_has_its_own),
		cmocka_unit_test(helper_programs),
		cmocka_unit_test(a_header_for_basic),
		cmocka_unit_test(what_cannot_be_taken),
		cmocka_unit_test(nothing_in_it_is_fine),
		cmocka_unit_test(a_file_that_others_may_read),
	};
	return cmocka_run_group_tests_name("image/credentials", tests, NULL, NULL);
}
