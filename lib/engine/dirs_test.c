/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/dirs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/fixture.h"

#include "base/file.h"

static char top[] = "/tmp/airscrew-dirs-XXXXXX";

static int setup(void **state) {
	(void)state;
	return mkdtemp(top) != NULL && chdir(top) == 0 && mkdir("data", 0700) == 0 &&
					       mkdir("data/in", 0700) == 0 &&
					       mkdir("database", 0700) == 0 &&
					       mkdir("only", 0700) == 0 &&
					       symlink("/etc", "data/out") == 0 &&
					       symlink("../database", "data/up") == 0 &&
					       symlink("in", "data/inside") == 0 &&
					       close(open("data/file", O_CREAT | O_WRONLY, 0600)) ==
							       0
			       ? 0
			       : -1;
}

static int teardown(void **state) {
	(void)state;
	static const char *const names[] = { "data/out", "data/up", "data/inside", "data/file" };
	for (size_t i = 0; i < 4; i++) {
		(void)unlink(names[i]);
	}
	return rmdir("data/in") == 0 && rmdir("data") == 0 && rmdir("database") == 0 &&
					       rmdir("only") == 0 && rmdir(top) == 0
			       ? 0
			       : -1;
}

static void what_may_be_opened(void **state) {
	(void)state;
	static const struct {
		const char *host;
		bool write;
		const char *refusal; /* NULL: it opens */
	} cases[] = {
		{ "/data", true, NULL },
		{ "/data/", false, NULL },
		{ "/data/in", true, NULL },
		{ "/data//in/.", false, NULL },
		{ "/data/inside", false, NULL },
		{ "/only", false, NULL },
		{ "/only", true, "is read-only on this worker" },
		{ "", false, "is not on this worker's list" },
		{ "/database", false, "is not on this worker's list" },
		{ "/dat", false, "is not on this worker's list" },
		{ "/data/../database", false, "without \"..\"" },
		{ "/data/..", false, "without \"..\"" },
		{ "/data/out", false, "a link in it leads out of" },
		{ "/data/out/ssl", false, "a link in it leads out of" },
		{ "/data/up", false, "a link in it leads out of" },
		{ "/data/file", false, "Not a directory" },
		{ "/data/nothing", false, "No such file or directory" },
	};
	CLEANUP(mem_freep) char *data = str_format("%s/data/", top);
	CLEANUP(mem_freep) char *only = str_format("%s/only=ro", top);
	const struct strings *allowed = TEXTS(data, only);
	struct error err;
	assert_true(dirs_check(allowed, &err));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CLEANUP(mem_freep) char *host = str_format("%s%s", top, cases[i].host);
		const struct run_dir dir = { host, "/x", cases[i].write };
		CLEANUP(file_closep) int fd = dirs_open(allowed, &dir, &err);
		if (fd < 0 && cases[i].refusal == NULL) {
			fail_msg("%s", err.message);
		}
		assert_int_equal(fd >= 0, cases[i].refusal == NULL);
		if (fd < 0) {
			assert_non_null(strstr(err.message, cases[i].refusal));
			assert_non_null(strstr(err.message, host));
		}
	}
	CLEANUP(file_closep)
	int fd = dirs_open(&(struct strings){ 0 }, &(struct run_dir){ top, "/x", false }, &err);
	assert_int_equal(fd, -1);
	fd = dirs_open(allowed, &(struct run_dir){ "data", "/x", false }, &err);
	assert_int_equal(fd, -1);
}

static void a_list_is_checked(void **state) {
	(void)state;
	struct error err;
	assert_true(dirs_check(TEXTS("/", "/a..b/..c"), &err));
	assert_false(dirs_check(TEXTS("/a", "data"), &err));
	assert_says(&err, ERROR_INVALID, "\"data\" must be an absolute path");
	assert_false(dirs_check(TEXTS("/a/.."), &err));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_may_be_opened),
		cmocka_unit_test(a_list_is_checked),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
