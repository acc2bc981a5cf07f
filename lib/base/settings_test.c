/* SPDX-License-Identifier: Apache-2.0 */
#include "base/settings.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

struct options {
	char *host, *path, *token;
	uint64_t port, room, wait_ms;
	bool eager;
};

#define ROW(env_, flag_, kind_, field_)                                                            \
	.env = env_, .flag = flag_, .kind = SETTING_##kind_,                                       \
	.offset = offsetof(struct options, field_)

static const struct setting rows[] = {
	{ ROW("T_HOST", "host", TEXT, host), .fallback = "localhost",
			.alias = { "T_OLD_HOST", "T_OLDEST_HOST" }, .help = "Where to listen" },
	{ ROW("T_PATH", "path", TEXT, path), .help = "A folder" },
	{ ROW("T_TOKEN", NULL, SECRET, token), .alias = { "T_API_KEY" }, .help = "The password" },
	{ ROW("T_PORT", "http-port", NUMBER, port), .flag_alias = "port", .fallback = "7070",
			.min = 1, .max = 65535, .help = "The port" },
	{ ROW("T_ROOM", "room", BYTES, room), .fallback = "1MiB", .max = 1 << 30,
			.help = "Memory" },
	{ ROW("T_WAIT", "wait", DURATION, wait_ms), .fallback = "30", .min = 100,
			.help = "Patience" },
	{ ROW("T_EAGER", "eager", BOOL, eager), .help = "Do not wait" },
};

static const struct settings table = {
	.program = "propeller-test",
	.summary = "tries settings",
	.usage = "[FLAGS]",
	.rows = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
};

static const char *const variables[] = { "T_HOST", "T_OLD_HOST", "T_OLDEST_HOST", "T_PATH",
	"T_TOKEN", "T_API_KEY", "T_TOKEN_FILE", "T_API_KEY_FILE", "T_PORT", "T_ROOM", "T_WAIT",
	"T_EAGER", "T_NEED", "T_NEED_FILE", "CREDENTIALS_DIRECTORY" };

static int clean_environment(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		(void)unsetenv(variables[i]);
	}
	return 0;
}

static void set(const char *name, const char *value) {
	assert_int_equal(setenv(name, value, 1), 0);
}

/* Loads with up to two arguments (NULL: fewer). */
static enum settings_outcome load(const struct settings *settings, struct options *options,
		const char *one, const char *two, struct error *err) {
	char program[] = "program";
	char *argv[] = { program, (char *)(uintptr_t)one, (char *)(uintptr_t)two, NULL };
	int argc = one == NULL ? 1 : two == NULL ? 2 : 3;
	*options = (struct options){ 0 };
	*err = (struct error){ 0 };
	return settings_load(settings, options, argc, argv, err);
}

static void check_bad(const char *one, const char *two, const char *first, const char *second) {
	struct options options;
	struct error err;
	assert_int_equal(load(&table, &options, one, two, &err), SETTINGS_BAD);
	assert_int_equal(err.code, ERROR_INVALID);
	if (strstr(err.message, first) == NULL || strstr(err.message, second) == NULL) {
		fail_msg("\"%s\" lacks \"%s\" or \"%s\"", err.message, first, second);
	}
	assert_null(options.host); /* nothing is left to free */
	assert_null(options.token);
}

static void test_defaults(void **state) {
	(void)state;
	struct options options;
	struct error err;
	assert_int_equal(load(&table, &options, NULL, NULL, &err), SETTINGS_RUN);
	assert_string_equal(options.host, "localhost");
	assert_null(options.path);
	assert_null(options.token);
	assert_int_equal(options.port, 7070);
	assert_int_equal(options.room, 1 << 20);
	assert_int_equal(options.wait_ms, 30000);
	assert_false(options.eager);
	settings_finish(&table, &options);
	settings_finish(&table, &options);
	assert_null(options.host);
}

static void test_precedence(void **state) {
	(void)state;
	struct options options;
	struct error err;
	set("T_PORT", "1000");
	set("T_EAGER", "yes");
	set("T_ROOM", "64KiB");
	set("T_WAIT", "1m30s");
	set("T_PATH", "/from/env");
	set("T_HOST", ""); /* counts as not set */
	assert_int_equal(load(&table, &options, "--http-port=2000", "--no-eager", &err),
			SETTINGS_RUN);
	assert_int_equal(options.port, 2000);
	assert_false(options.eager);
	assert_int_equal(options.room, 65536);
	assert_int_equal(options.wait_ms, 90000);
	assert_string_equal(options.path, "/from/env");
	assert_string_equal(options.host, "localhost");
	settings_finish(&table, &options);
}

static void test_forms_of_flags(void **state) {
	(void)state;
	struct options options;
	struct error err;
	assert_int_equal(load(&table, &options, "--host", "h1", &err), SETTINGS_RUN);
	assert_string_equal(options.host, "h1");
	settings_finish(&table, &options);
	assert_int_equal(load(&table, &options, "--host=a=b", "--host=--x", &err), SETTINGS_RUN);
	assert_string_equal(options.host, "--x"); /* the last one */
	settings_finish(&table, &options);
	assert_int_equal(load(&table, &options, "--host=", "--eager", &err), SETTINGS_RUN);
	assert_string_equal(options.host, "");
	assert_true(options.eager);
	settings_finish(&table, &options);
	assert_int_equal(load(&table, &options, "--eager=off", NULL, &err), SETTINGS_RUN);
	assert_false(options.eager);
	settings_finish(&table, &options);
}

/* As Go's programs take them, and under another name. */
static void test_one_dash_and_aliases(void **state) {
	(void)state;
	struct options options;
	struct error err;
	assert_int_equal(load(&table, &options, "-port", "2000", &err), SETTINGS_RUN);
	assert_int_equal(options.port, 2000);
	settings_finish(&table, &options);
	assert_int_equal(
			load(&table, &options, "-http-port=2001", "-no-eager", &err), SETTINGS_RUN);
	assert_int_equal(options.port, 2001);
	settings_finish(&table, &options);
	assert_int_equal(load(&table, &options, "--port=2002", "-eager", &err), SETTINGS_RUN);
	assert_int_equal(options.port, 2002);
	assert_true(options.eager);
	settings_finish(&table, &options);
	assert_int_equal(load(&table, &options, "-version", NULL, &err), SETTINGS_DONE);
	check_bad("-prt=1", NULL, "unknown flag --prt", "");
	check_bad("-", NULL, "unexpected argument \"-\"", "");
}

static void test_bad_values_are_named(void **state) {
	(void)state;
	set("T_PORT", "5abc");
	check_bad(NULL, NULL, "setting T_PORT: \"5abc\" (from T_PORT in the environment)",
			"at most 65535");
	check_bad("--http-port=0", NULL, "\"0\" (from flag --http-port)", "at least 1");
	check_bad("--http-port", "65536", "T_PORT", "a whole number");
	set("T_PORT", "1");
	check_bad("--room=2GiB", NULL, "T_ROOM", "at most 1073741824B");
	check_bad("--room=lots", NULL, "\"lots\"", "a size such as");
	check_bad("--wait=50ms", NULL, "T_WAIT", "at least 100ms");
	check_bad("--eager=perhaps", NULL, "T_EAGER", "true or false");
}

static void test_bad_arguments(void **state) {
	(void)state;
	check_bad("--htp-port=1", NULL, "unknown flag --htp-port", "did you mean --http-port?");
	check_bad("--no-eagr", NULL, "unknown flag --no-eagr", "did you mean --no-eager?");
	check_bad("--versoin", NULL, "unknown flag", "did you mean --version?");
	check_bad("--entirely-else", NULL, "unknown flag --entirely-else", "propeller-test --help");
	check_bad("--no-host", NULL, "unknown flag --no-host", "");
	check_bad("--no-eager=true", NULL, "unknown flag --no-eager", "");
	check_bad("--=x", NULL, "unknown flag", "");
	check_bad("--no-", NULL, "unknown flag", "");
	check_bad("--host", NULL, "flag --host needs a value", "--host=VALUE");
	check_bad("--host", "--eager", "flag --host needs a value", "");
	check_bad("positional", NULL, "unexpected argument \"positional\"", "--help");
	check_bad("--eager", "true", "unexpected argument \"true\"", "");
	check_bad("-x", NULL, "unexpected argument \"-x\"", "");
	check_bad("--", NULL, "unexpected argument \"--\"", "");
	check_bad("", NULL, "unexpected argument \"\"", "");
}

static void test_long_unknown_flag(void **state) {
	(void)state;
	char flag[3000];
	memset(flag, 'x', sizeof(flag) - 1);
	memcpy(flag, "--", 2);
	flag[sizeof(flag) - 1] = '\0';
	check_bad(flag, NULL, "unknown flag --xxx", "--help");
}

static void test_aliases(void **state) {
	(void)state;
	struct options options;
	struct error err;
	set("T_OLDEST_HOST", "old");
	assert_int_equal(load(&table, &options, NULL, NULL, &err), SETTINGS_RUN);
	assert_string_equal(options.host, "old");
	settings_finish(&table, &options);
	set("T_HOST", "old"); /* they agree */
	assert_int_equal(load(&table, &options, NULL, NULL, &err), SETTINGS_RUN);
	settings_finish(&table, &options);
	set("T_HOST", "new");
	check_bad(NULL, NULL, "T_HOST", "T_OLDEST_HOST");
}

static void test_required(void **state) {
	(void)state;
	static const struct setting needs[] = { { ROW("T_NEED", "need", TEXT, path),
			.required = true, .help = "Needed" } };
	static const struct settings need = {
		.program = "p", .summary = "", .usage = "", .rows = needs, .count = 1
	};
	struct options options;
	struct error err;
	assert_int_equal(load(&need, &options, NULL, NULL, &err), SETTINGS_BAD);
	assert_non_null(strstr(err.message, "setting T_NEED is required"));
	assert_non_null(strstr(err.message, "--need"));
	assert_int_equal(load(&need, &options, "--need=", NULL, &err), SETTINGS_BAD);
	assert_int_equal(load(&need, &options, "--need=x", NULL, &err), SETTINGS_RUN);
	settings_finish(&need, &options);

	static const struct setting secrets[] = { { ROW("T_NEED", NULL, SECRET, token),
			.required = true, .help = "Needed" } };
	static const struct settings secret = {
		.program = "p", .summary = "", .usage = "", .rows = secrets, .count = 1
	};
	assert_int_equal(load(&secret, &options, NULL, NULL, &err), SETTINGS_BAD);
	assert_non_null(strstr(err.message, "T_NEED_FILE"));
}

static char *secret_file(const char *text, size_t size, mode_t mode) {
	const char *base = getenv("TMPDIR");
	char *path = str_format("%s/settings_test.XXXXXX", base != NULL ? base : "/tmp");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, size), size);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
	return path;
}

static void remove_file(char **path) {
	(void)unlink(*path);
	free(*path);
}

static void test_secret_from_environment(void **state) {
	(void)state;
	struct options options;
	struct error err;
	set("T_API_KEY", "hush");
	assert_int_equal(load(&table, &options, NULL, NULL, &err), SETTINGS_RUN);
	assert_string_equal(options.token, "hush");
	settings_finish(&table, &options);
	assert_null(options.token);

	set("T_TOKEN", "other");
	check_bad(NULL, NULL, "T_TOKEN", "T_API_KEY");
}

static void test_secret_from_file(void **state) {
	(void)state;
	static const struct {
		const char *content, *secret;
	} pairs[] = { { "hush", "hush" }, { "hush\n", "hush" }, { "hush\n\n", "hush\n" },
		{ " a b \n", " a b " } };
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct options options;
		struct error err;
		CLEANUP(remove_file)
		char *path = secret_file(pairs[i].content, strlen(pairs[i].content), 0600);
		set("T_TOKEN_FILE", path);
		assert_int_equal(load(&table, &options, NULL, NULL, &err), SETTINGS_RUN);
		assert_string_equal(options.token, pairs[i].secret);
		settings_finish(&table, &options);
	}
}

static void check_secret_refused(const char *content, size_t size, mode_t mode, const char *why) {
	struct options options;
	struct error err;
	CLEANUP(remove_file) char *path = secret_file(content, size, mode);
	set("T_TOKEN_FILE", path);
	assert_int_equal(load(&table, &options, NULL, NULL, &err), SETTINGS_BAD);
	assert_non_null(strstr(err.message, "T_TOKEN"));
	assert_non_null(strstr(err.message, path));
	assert_non_null(strstr(err.message, why));
	assert_null(strstr(err.message, "hush"));
	assert_null(options.token);
}

/* systemd.exec(5): the folder is the service's alone, and an access list shows as a group. */
static void test_secret_from_credential(void **state) {
	(void)state;
	struct options options;
	struct error err;
	CLEANUP(remove_file) char *path = secret_file("hush", 4, 0440);
	CLEANUP(mem_freep) char *folder = str_copy(path);
	*strrchr(folder, '/') = '\0';
	set("T_TOKEN_FILE", path);
	set("CREDENTIALS_DIRECTORY", folder);
	assert_int_equal(load(&table, &options, NULL, NULL, &err), SETTINGS_RUN);
	assert_string_equal(options.token, "hush");
	settings_finish(&table, &options);
	const char *const others[] = { "", "/", "/tm", "/elsewhere" };
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		set("T_TOKEN_FILE", path);
		set("CREDENTIALS_DIRECTORY", others[i]);
		assert_int_equal(load(&table, &options, NULL, NULL, &err), SETTINGS_BAD);
		assert_non_null(strstr(err.message, "chmod 600"));
	}
}

static void test_secret_file_refused(void **state) {
	(void)state;
	check_secret_refused("hush", 4, 0640, "chmod 600");
	check_secret_refused("hush", 4, 0604, "chmod 600");
	check_secret_refused("hush", 4, 0602, "chmod 600");
	check_secret_refused("hu\0sh", 5, 0600, "zero byte");
	check_secret_refused("", 0, 0600, "empty"); /* or no password would be asked for */
	check_secret_refused("\n", 1, 0600, "empty");
	CLEANUP(mem_freep) char *large = mem_zero(70000, 1);
	memset(large, 'h', 70000);
	check_secret_refused(large, 70000, 0600, "larger than");
}

static void test_secret_file_missing(void **state) {
	(void)state;
	set("T_TOKEN_FILE", "/no/such/file");
	check_bad(NULL, NULL, "T_TOKEN_FILE", "/no/such/file");
	set("T_TOKEN_FILE", "/");
	check_bad(NULL, NULL, "T_TOKEN_FILE", "not a regular file");
	set("T_TOKEN", "hush");
	check_bad(NULL, NULL, "T_TOKEN_FILE", "both set");
}

/* A secret never comes with a flag, and what was tried is not repeated. */
static void test_secret_is_no_flag(void **state) {
	(void)state;
	static const struct setting one[] = { { ROW("T_TOKEN", "token", SECRET, token),
			.help = "Whatever its row says" } };
	static const struct settings secret = {
		.program = "p", .summary = "", .usage = "", .rows = one, .count = 1
	};
	struct options options;
	struct error err;
	assert_int_equal(load(&secret, &options, "--token=hush", NULL, &err), SETTINGS_BAD);
	assert_non_null(strstr(err.message, "unknown flag --token"));
	assert_null(strstr(err.message, "hush"));
	assert_int_equal(load(&secret, &options, "--token", "hush", &err), SETTINGS_BAD);
	assert_null(strstr(err.message, "hush"));
}

/* What settings_load() prints to stdout; the caller frees it. */
static char *printed_by(const char *argument, enum settings_outcome expected) {
	struct options options;
	struct error err;
	FILE *file = tmpfile();
	int saved = dup(STDOUT_FILENO);
	assert_non_null(file);
	(void)fflush(stdout);
	assert_int_equal(dup2(fileno(file), STDOUT_FILENO), STDOUT_FILENO);
	enum settings_outcome outcome = load(&table, &options, argument, NULL, &err);
	(void)fflush(stdout);
	assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
	(void)close(saved);
	assert_int_equal(outcome, expected);
	char *text = mem_zero(8192, 1);
	assert_true(pread(fileno(file), text, 8191, 0) > 0);
	(void)fclose(file);
	return text;
}

static void test_version(void **state) {
	(void)state;
	CLEANUP(mem_freep) char *text = printed_by("--version", SETTINGS_DONE);
	assert_string_equal(text, "propeller-test " AIRSCREW_VERSION "\n");
}

/* The column in which a word stands in the line of the text where it is first. */
static size_t column_of(const char *text, const char *word) {
	const char *at = strstr(text, word);
	assert_non_null(at);
	const char *line = at;
	while (line > text && line[-1] != '\n') {
		line--;
	}
	return (size_t)(at - line);
}

static void test_help(void **state) {
	(void)state;
	set("T_TOKEN", "hush");
	CLEANUP(mem_freep) char *text = printed_by("--help", SETTINGS_DONE);
	CLEANUP(mem_freep) char *same = printed_by("-h", SETTINGS_DONE);
	assert_string_equal(text, same);
	assert_true(str_starts(
			text, "propeller-test: tries settings\n\nUsage: propeller-test [FLAGS]\n"));
	static const char *const words[] = { "--http-port NUMBER", "--[no-]eager", "--room SIZE",
		"--wait TIME", "--help", "--version", "T_TOKEN_FILE", "T_API_KEY_FILE" };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_non_null(strstr(text, words[i]));
	}
	size_t names = column_of(text, "ENVIRONMENT"), defaults = column_of(text, "DEFAULT");
	size_t meanings = column_of(text, "MEANING");
	assert_int_equal(column_of(text, "T_HOST"), names);
	assert_int_equal(column_of(text, "T_OLDEST_HOST"), names);
	assert_int_equal(column_of(text, "T_API_KEY"), names);
	assert_int_equal(column_of(text, "7070"), defaults);
	assert_int_equal(column_of(text, "The port"), meanings);
	assert_int_equal(column_of(text, "Show this"), meanings);
	assert_null(strstr(text, "hush"));
}

#define WITH_CLEAN(test) cmocka_unit_test_setup_teardown(test, clean_environment, clean_environment)

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_CLEAN(test_defaults),
		WITH_CLEAN(test_precedence),
		WITH_CLEAN(test_forms_of_flags),
		WITH_CLEAN(test_one_dash_and_aliases),
		WITH_CLEAN(test_bad_values_are_named),
		WITH_CLEAN(test_bad_arguments),
		WITH_CLEAN(test_long_unknown_flag),
		WITH_CLEAN(test_aliases),
		WITH_CLEAN(test_required),
		WITH_CLEAN(test_secret_from_environment),
		WITH_CLEAN(test_secret_from_file),
		WITH_CLEAN(test_secret_from_credential),
		WITH_CLEAN(test_secret_file_refused),
		WITH_CLEAN(test_secret_file_missing),
		WITH_CLEAN(test_secret_is_no_flag),
		WITH_CLEAN(test_version),
		WITH_CLEAN(test_help),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
