/* SPDX-License-Identifier: Apache-2.0 */
/* The settings file: what wins, which file is read, and every way in which it is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/settings.h"
#include "base/str.h"

struct options {
	char *config, *section, *host, *token;
	uint64_t port, room, wait_ms;
	bool eager;
};

#define ROW(env_, flag_, kind_, field_)                                                            \
	.env = env_, .flag = flag_, .kind = SETTING_##kind_,                                       \
	.offset = offsetof(struct options, field_), .help = ""

static const struct setting rows[] = {
	{ ROW("S_CONFIG_FILE", "config", FILE, config) },
	{ ROW("S_CONFIG_SECTION", "config-section", SECTION, section), .fallback = "manager" },
	{ ROW("S_HOST_NAME", "host-name", TEXT, host), .fallback = "localhost",
			.alias = { "S_OLD_HOST" } },
	{ ROW("S_CLIENT_KEY", NULL, SECRET, token), .alias = { "S_API_KEY" } },
	{ ROW("S_HTTP_PORT", "http-port", NUMBER, port), .fallback = "7070", .max = 65535 },
	{ ROW("S_ROOM", "room", BYTES, room), .fallback = "1MiB" },
	{ ROW("S_WAIT", "wait", DURATION, wait_ms), .fallback = "30" },
	{ ROW("S_EAGER", "eager", BOOL, eager) },
};

static const struct settings table = {
	.program = "prog",
	.summary = "tries a settings file",
	.usage = "[FLAGS]",
	.rows = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
};

/* Each test stands in an empty folder of its own. */
struct place {
	char *before, *folder;
};

static int enter_folder(void **state) {
	static const char *const variables[] = { "S_CONFIG_FILE", "S_CONFIG_SECTION", "S_HOST_NAME",
		"S_OLD_HOST", "S_CLIENT_KEY", "S_CLIENT_KEY_FILE", "S_API_KEY", "S_API_KEY_FILE",
		"S_HTTP_PORT", "S_ROOM", "S_WAIT", "S_EAGER" };
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		(void)unsetenv(variables[i]);
	}
	const char *base = getenv("TMPDIR");
	struct place *place = MEM_NEW(struct place);
	place->before = getcwd(NULL, 0);
	place->folder = str_format("%s/settings_file_test.XXXXXX", base != NULL ? base : "/tmp");
	if (mkdtemp(place->folder) == NULL || chdir(place->folder) != 0) {
		return -1;
	}
	*state = place;
	return 0;
}

static int leave_folder(void **state) {
	static const char *const names[] = { "config.toml", "other.toml", "key", "here" };
	struct place *place = *state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)remove(names[i]);
	}
	int left = chdir(place->before);
	(void)rmdir(place->folder);
	free(place->before);
	free(place->folder);
	free(place);
	return left;
}

static void write_file(const char *name, const char *text, unsigned mode) {
	struct error err;
	if (!file_write(name, text, strlen(text), mode, &err) || chmod(name, mode) != 0) {
		fail_msg("%s: %s", name, err.message);
	}
}

static enum settings_outcome load(struct options *options, const char *flag, struct error *err) {
	char program[] = "program";
	char *argv[] = { program, (char *)(uintptr_t)flag, NULL };
	*options = (struct options){ 0 };
	*err = (struct error){ 0 };
	return settings_load(&table, options, flag == NULL ? 1 : 2, argv, err);
}

static void must_load(struct options *options, const char *flag) {
	struct error err;
	if (load(options, flag, &err) != SETTINGS_RUN) {
		fail_msg("%s", err.message);
	}
}

static void check_bad(const char *flag, const char *first, const char *second) {
	struct options options;
	struct error err;
	assert_int_equal(load(&options, flag, &err), SETTINGS_BAD);
	if (strstr(err.message, first) == NULL || strstr(err.message, second) == NULL) {
		fail_msg("\"%s\" lacks \"%s\" or \"%s\"", err.message, first, second);
	}
	assert_null(strstr(err.message, "hush"));
	assert_null(options.host);
	assert_null(options.token);
	assert_null(options.config);
}

static void check_refused(const char *text, const char *first, const char *second) {
	write_file("config.toml", text, 0600);
	check_bad(NULL, first, second);
}

static void test_all_kinds(void **state) {
	(void)state;
	struct options options;
	write_file("config.toml",
			"[proplet]\nunknown = 1\n[manager]\nhost_name = \"h\"\nclient_key = \"k\"\n"
			"http_port = 8_080\nroom = \"64KiB\"\nwait = 5\neager = true\n",
			0600);
	must_load(&options, NULL);
	assert_string_equal(options.config, "./config.toml");
	assert_string_equal(options.section, "manager");
	assert_string_equal(options.host, "h");
	assert_string_equal(options.token, "k");
	assert_int_equal(options.port, 8080);
	assert_int_equal(options.room, 65536);
	assert_int_equal(options.wait_ms, 5000);
	assert_true(options.eager);
	settings_finish(&table, &options);
	write_file("config.toml", "manager = { room = 5, wait = \"7ms\" }\n", 0644);
	must_load(&options, NULL);
	assert_int_equal(options.room, 5);
	assert_int_equal(options.wait_ms, 7);
	settings_finish(&table, &options);
}

static void test_order(void **state) {
	(void)state;
	struct options options;
	write_file("config.toml", "[manager]\nhttp_port = 1\nold_host = \"file\"\n", 0644);
	must_load(&options, NULL);
	assert_int_equal(options.port, 1);
	assert_string_equal(options.host, "file");
	settings_finish(&table, &options);
	(void)setenv("S_HTTP_PORT", "2", 1);
	(void)setenv("S_HOST_NAME", "env", 1); /* hides the other name, too */
	must_load(&options, NULL);
	assert_int_equal(options.port, 2);
	assert_string_equal(options.host, "env");
	settings_finish(&table, &options);
	must_load(&options, "--http-port=3");
	assert_int_equal(options.port, 3);
	settings_finish(&table, &options);
	write_file("other.toml", "[manager]\nhttp_port = true\n", 0644); /* hidden, but wrong */
	check_bad("--config=other.toml", "http_port is true or false", "a whole number");
	must_load(&options, "--config=");
	assert_null(options.config);
	assert_int_equal(options.port, 2);
	settings_finish(&table, &options);
}

static void test_which_file(void **state) {
	(void)state;
	struct options options;
	write_file("config.toml", "[manager]\nhttp_port = 1\n", 0644);
	write_file("other.toml", "[manager]\nhttp_port = 2\n[second]\nhttp_port = 3\n", 0644);
	(void)setenv("S_CONFIG_FILE", "other.toml", 1);
	must_load(&options, NULL);
	assert_string_equal(options.config, "other.toml");
	assert_int_equal(options.port, 2);
	settings_finish(&table, &options);
	must_load(&options, "--config=config.toml");
	assert_int_equal(options.port, 1);
	settings_finish(&table, &options);
	must_load(&options, "--config-section=second");
	assert_string_equal(options.section, "second");
	assert_int_equal(options.port, 3);
	settings_finish(&table, &options);
	check_bad("--config-section=third", "other.toml has no section [third]",
			"--config-section");
	(void)unlink("other.toml");
	check_bad(NULL, "S_CONFIG_FILE", "other.toml: No such file");
	check_bad("--config=/no/such.toml", "--config", "/no/such.toml");
	(void)unsetenv("S_CONFIG_FILE");
	(void)unlink("config.toml");
	(void)mkdir("config.toml", 0700);
	check_bad(NULL, "./config.toml", "not a regular file");
}

static void test_no_section_of_ours(void **state) {
	(void)state;
	struct options options;
	write_file("config.toml", "title = \"x\"\n[proplet]\nclient_key = \"k\"\n", 0644);
	must_load(&options, NULL);
	assert_string_equal(options.config, "./config.toml");
	assert_int_equal(options.port, 7070);
	settings_finish(&table, &options);
}

static void test_keys_are_checked(void **state) {
	(void)state;
	check_refused("[manager]\n\nhtp_port = 1\n", "./config.toml:3:1: unknown key htp_port",
			"did you mean http_port?");
	check_refused("[manager]\nzzzzzzzzz = 1\n", "unknown key zzzzzzzzz", "prog --help");
	check_refused("[manager]\nconfig_file = \"x\"\n", "2:1: unknown key config_file", "");
	check_refused("[manager]\nhttp_port_file = \"x\"\n", "unknown key http_port_file", "");
	check_refused("[manager]\nhttp.port = 1\n", "unknown key http", "");
	check_refused("[manager]\n\"http_port\\u0000\" = 1\n", "unknown key", "");
	check_refused("[manager.more]\n", "1:10: unknown key more", "");
	check_refused("http_port = 1\n[manager]\n", "1:1: http_port is in no section", "[manager]");
	check_refused("manager = 1\n", "1:1: manager is a whole number", "[manager]");
	check_refused("[[manager]]\n", "manager is an array", "[manager]");
	check_refused("[manager\n", "./config.toml:1:9: ", "]");
}

static void test_types_are_checked(void **state) {
	(void)state;
	check_refused("[manager]\nhttp_port = \"1\"\n", "config.toml:2:13: http_port is a string",
			"takes a whole number");
	check_refused("[manager]\nhost_name = 1\n", "host_name is a whole number", "a string");
	check_refused("[manager]\neager = \"yes\"\n", "eager is a string", "true or false");
	check_refused("[manager]\nroom = 1.5\n", "room is a number with a fraction", "256MiB");
	check_refused("[manager]\nwait = 07:00:00\n", "wait is a time", "30s");
	check_refused("[manager]\nhost_name = [\"a\"]\n", "host_name is an array", "a string");
	check_refused("[manager]\nclient_key = 7\n", "client_key is a whole number", "a string");
	check_refused("[manager]\nhost_name = \"a\\u0000b\"\n", "2:13: host_name", "zero byte");
	check_refused("[manager]\nhttp_port = 70000\n", "http_port in ./config.toml:2:13",
			"at most 65535");
	check_refused("[manager]\nhttp_port = -1\n", "\"-1\"", "config.toml:2:13");
}

static void test_two_names(void **state) {
	(void)state;
	struct options options;
	check_refused("[manager]\nhost_name = \"a\"\nold_host = \"b\"\n",
			"host_name in ./config.toml:2:13", "old_host in ./config.toml:3:12");
	check_refused("[manager]\nclient_key = \"hush1\"\napi_key = \"hush2\"\n",
			"client_key in ./config.toml:2:14", "api_key in ./config.toml:3:11");
	write_file("config.toml", "[manager]\nhost_name = \"a\"\nold_host = \"a\"\n", 0600);
	must_load(&options, NULL);
	assert_string_equal(options.host, "a");
	settings_finish(&table, &options);
	write_file("config.toml", "[manager]\nhost_name = \"\"\nold_host = \"a\"\n", 0600);
	must_load(&options, NULL);
	assert_string_equal(options.host, "a"); /* set to nothing counts as not set */
	settings_finish(&table, &options);
}

static void test_secrets_are_for_the_owner(void **state) {
	(void)state;
	struct options options;
	static const unsigned modes[] = { 0644, 0640, 0604, 0620, 0601 };
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		write_file("config.toml", "[manager]\n client_key = \"hush\"\n", modes[i]);
		check_bad(NULL, "config.toml:2:2: client_key is a secret", "chmod 600");
	}
	(void)setenv("S_CLIENT_KEY", "k", 1); /* it is still there to be read */
	check_bad(NULL, "client_key is a secret", "chmod 600");
	(void)unsetenv("S_CLIENT_KEY");
	write_file("key", "hush\n", 0600);
	write_file("config.toml", "[manager]\nclient_key_file = \"key\"\napi_key = \"\"\n", 0644);
	must_load(&options, NULL);
	assert_string_equal(options.token, "hush");
	settings_finish(&table, &options);
	write_file("key", "hush\n", 0644);
	check_bad(NULL, "client_key_file in ./config.toml:2:19", "chmod 600");
}

static void test_where_a_secret_is_from(void **state) {
	(void)state;
	struct options options;
	write_file("key", "from-key\n", 0600);
	check_refused("[manager]\nclient_key = \"hush\"\nclient_key_file = \"key\"\n", "both set",
			"client_key_file in ./config.toml:3:19");
	write_file("config.toml", "[manager]\nclient_key = \"hush\"\n", 0600);
	(void)setenv("S_API_KEY_FILE", "key", 1); /* the environment wins in either form */
	must_load(&options, NULL);
	assert_string_equal(options.token, "from-key");
	settings_finish(&table, &options);
}

static void test_large_file(void **state) {
	(void)state;
	size_t size = 256 * 1024 + 1;
	CLEANUP(mem_freep) char *text = mem_zero(size + 1, 1);
	memset(text, '#', size);
	write_file("config.toml", text, 0600);
	check_bad(NULL, "./config.toml", "larger than 262144");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_folder)

int main(void) {
	const struct CMUnitTest tests[] = {
		IN_FOLDER(test_all_kinds),
		IN_FOLDER(test_order),
		IN_FOLDER(test_which_file),
		IN_FOLDER(test_no_section_of_ours),
		IN_FOLDER(test_keys_are_checked),
		IN_FOLDER(test_types_are_checked),
		IN_FOLDER(test_two_names),
		IN_FOLDER(test_secrets_are_for_the_owner),
		IN_FOLDER(test_where_a_secret_is_from),
		IN_FOLDER(test_large_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
