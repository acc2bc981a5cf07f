/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <ftw.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define TASK "0b0d9e2c-6d0f-4c9a-8d54-0f2f3f4d5e6f"
#define BOOT "7c3f1f0e-2a51-4f0e-9c35-3a2b1c0d9e8f"

static int make_folder(void **state) {
	char *folder = str_copy("/tmp/journal_test.XXXXXX");
	*state = mkdtemp(folder);
	return *state == NULL;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where) {
	(void)info, (void)kind, (void)where;
	return remove(path);
}

static int remove_folder(void **state) {
	int code = nftw(*state, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(*state);
	return code;
}

static struct report make_report(uint64_t attempt, const char *results) {
	struct report report = { .attempt = attempt, .proplet_id = str_copy("worker-1") };
	memcpy(report.task_id, TASK, sizeof(TASK));
	memcpy(report.boot, BOOT, sizeof(BOOT));
	report.outcome.results = json_string(results);
	report.outcome.out = (struct outcome_text){ mem_copy("a\0b\xff", 4), 4 };
	report.outcome.exited = true;
	report.outcome.exit_code = 3;
	return report;
}

static void put(struct journal *journal, uint64_t attempt, const char *results) {
	struct error err;
	struct report report = make_report(attempt, results);
	assert_true(journal_put(journal, &report, &err));
	report_finish(&report);
}

struct seen {
	size_t count;
	uint64_t attempts[8];
	char results[8][32];
};

static void see(void *context, struct report *report) {
	struct seen *seen = context;
	assert_string_equal(report->task_id, TASK);
	assert_string_equal(report->boot, BOOT);
	assert_string_equal(report->proplet_id, "worker-1");
	assert_int_equal(report->outcome.exit_code, 3);
	assert_int_equal(report->outcome.out.size, 4);
	assert_memory_equal(report->outcome.out.bytes, "a\0b\xff", 4);
	assert_true(seen->count < 8);
	seen->attempts[seen->count] = report->attempt;
	(void)snprintf(seen->results[seen->count++], 32, "%s",
			json_string_value(report->outcome.results));
	report_finish(report);
}

static struct seen look(const char *folder) {
	struct seen seen = { 0 };
	struct journal *journal = journal_open(folder, NULL);
	assert_non_null(journal);
	journal_each(journal, see, &seen);
	journal_close(journal);
	return seen;
}

static void what_was_put_is_there_again(void **state) {
	struct journal *journal = journal_open(*state, NULL);
	put(journal, 1, "first");
	put(journal, 2, "second");
	put(journal, 1, "first again");
	journal_close(journal);
	struct seen seen = look(*state);
	assert_int_equal(seen.count, 2);
	int one = seen.attempts[0] == 1 ? 0 : 1;
	assert_int_equal(seen.attempts[one] + seen.attempts[1 - one], 3);
	assert_string_equal(seen.results[one], "first again");
	assert_string_equal(seen.results[1 - one], "second");
}

static void what_was_dropped_is_gone(void **state) {
	struct journal *journal = journal_open(*state, NULL);
	put(journal, 1, "first");
	put(journal, 2, "second");
	journal_drop(journal, TASK, 1);
	journal_drop(journal, TASK, 7); /* never there */
	journal_close(journal);
	struct seen seen = look(*state);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.attempts[0], 2);
}

static char *only_file(const char *folder) {
	DIR *dir = opendir(folder);
	char *path = NULL;
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (entry->d_name[0] != '.') {
			assert_null(path);
			path = str_format("%s/%s", folder, entry->d_name);
		}
	}
	(void)closedir(dir);
	assert_non_null(path);
	return path;
}

/* Every single byte of the file, changed or cut off. */
static void damage_is_seen_and_moved_aside(void **state) {
	struct error err;
	struct buf content = BUF_INIT(64 * 1024);
	struct journal *journal = journal_open(*state, NULL);
	put(journal, 1, "first");
	journal_close(journal);
	CLEANUP(mem_freep) char *path = only_file(*state);
	CLEANUP(mem_freep) char *aside = str_format("%s.damaged", path);
	assert_true(file_read(path, &content, &err));
	for (size_t i = 0; i < content.size; i++) {
		bool cut = i % 2 == 1;
		content.data[i] ^= 1;
		assert_true(file_write(path, content.data, cut ? i : content.size, 0600, &err));
		content.data[i] ^= 1;
		assert_int_equal(look(*state).count, 0);
		assert_int_equal(access(path, F_OK), -1);
		assert_int_equal(unlink(aside), 0);
	}
	assert_true(file_write(path, content.data, content.size, 0600, &err));
	assert_int_equal(look(*state).count, 1);
	buf_finish(&content);
}

static void half_written_files_go(void **state) {
	struct error err;
	CLEANUP(mem_freep) char *half = str_format("%s/abc.result.1234.tmp", (char *)*state);
	assert_true(file_write(half, "x", 1, 0600, &err));
	assert_int_equal(look(*state).count, 0);
	assert_int_equal(access(half, F_OK), -1);
}

static void a_full_journal_says_so(void **state) {
	struct error err;
	struct journal *journal = journal_open(*state, NULL);
	const size_t size = 8 * 1024 * 1024;
	struct report report = make_report(1, "large");
	free(report.outcome.out.bytes);
	report.outcome.out = (struct outcome_text){ mem_zero(size, 1), size };
	memset(report.outcome.out.bytes, 'x', size);
	uint64_t kept = 0;
	while (journal_put(journal, &report, &err)) {
		report.attempt++;
		assert_true(++kept < 40);
	}
	assert_int_equal(err.code, ERROR_NO_SPACE);
	assert_true(kept >= 30);
	journal_drop(journal, TASK, 1);
	assert_true(journal_put(journal, &report, &err)); /* there is room again */
	report_finish(&report);
	journal_close(journal);
}

static void no_folder_keeps_nothing(void **state) {
	(void)state;
	struct error err;
	struct report report = make_report(1, "x");
	assert_null(journal_open(NULL, NULL));
	assert_true(journal_put(NULL, &report, &err));
	journal_drop(NULL, TASK, 1);
	journal_each(NULL, see, NULL);
	journal_close(NULL);
	report_finish(&report);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void) {
	const struct CMUnitTest tests[] = {
		IN_FOLDER(what_was_put_is_there_again),
		IN_FOLDER(what_was_dropped_is_gone),
		IN_FOLDER(damage_is_seen_and_moved_aside),
		IN_FOLDER(half_written_files_go),
		IN_FOLDER(a_full_journal_says_so),
		cmocka_unit_test(no_folder_keeps_nothing),
	};
	return cmocka_run_group_tests_name("proplet/journal", tests, NULL, NULL);
}
