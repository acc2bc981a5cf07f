/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>

#include "proplet/fixture.h"

/* With a folder for the journal. */
static char *folder_of(char path[64]) {
	(void)snprintf(path, 64, "/tmp/report_test.%d", (int)getpid());
	return path;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where) {
	(void)info, (void)kind, (void)where;
	return remove(path);
}

static int set_up(void **state) {
	char path[64];
	assert_int_equal(mkdir(folder_of(path), 0700), 0);
	(void)worker_set_up(state);
	((struct worker *)*state)->journal = journal_open(path, NULL);
	return 0;
}

static int tear_down(void **state) {
	char path[64];
	(void)worker_tear_down(state);
	return nftw(folder_of(path), remove_one, 4, FTW_DEPTH | FTW_PHYS);
}

static unsigned files(void) {
	char path[64];
	unsigned count = 0;
	DIR *folder = opendir(folder_of(path));
	assert_non_null(folder);
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		count += entry->d_name[0] != '.';
	}
	(void)closedir(folder);
	return count;
}

static struct report published(struct worker *worker) {
	struct report report;
	struct error err;
	assert_int_equal(bus_count(worker->bus), 1);
	const struct said said = bus_said(worker->bus, 0);
	assert_string_equal(said.topic, worker->topics.results);
	assert_true(report_decode(&report, said.payload, &err));
	return report;
}

static void an_end_is_published_and_held(void **state) {
	struct worker *worker = *state;
	struct attempt *attempt = start(worker, 1, TASK, 4);
	attempt->report.outcome.exited = true;
	attempt->report.outcome.exit_code = 3;
	ends(worker, attempt, "out");
	struct report report = published(worker);
	assert_string_equal(report.task_id, TASK);
	assert_int_equal(report.attempt, 4);
	assert_string_equal(report.proplet_id, "w");
	assert_string_equal(report.boot, BOOT);
	assert_int_equal(report.outcome.exit_code, 3);
	assert_string_equal(json_string_value(report.outcome.results), "out");
	assert_false(report.outcome.truncated);
	report_finish(&report);
	assert_true(attempt->over && !attempt->in_fresh);
	assert_int_equal(worker->running, 0);
	assert_int_equal(worker->held, 1);
	assert_int_equal(
			files(), 0); /* there is a connection: it may be acknowledged in a moment */
	report_drop(worker, attempt);
	assert_int_equal(worker->held, 0);
}

/* Megabytes go behind a heartbeat that asks for the time that they take; few bytes do not. */
static void a_large_result_asks_for_patience(void **state) {
	enum { MEGABYTES = 6 };
	struct worker *worker = *state;
	struct presence presence;
	struct report report;
	struct error err;
	struct attempt *attempt = start(worker, 1, TASK, 4);
	CLEANUP(mem_freep) char *text = mem_zero((MEGABYTES << 20) + 1, 1);
	memset(text, 'x', MEGABYTES << 20);
	ends(worker, attempt, text);
	assert_int_equal(bus_count(worker->bus), 2);
	const struct said beat = bus_said(worker->bus, 0), result = bus_said(worker->bus, 1);
	assert_string_equal(beat.topic, worker->topics.alive);
	assert_true(presence_decode(&presence, beat.payload, &err));
	assert_in_range(presence.interval_ms, 1000 + MEGABYTES * 1024 / 3,
			1001 + MEGABYTES * 1024 / 3);
	assert_int_equal(presence.held.count, 1);
	presence_finish(&presence);
	assert_string_equal(result.topic, worker->topics.results);
	assert_true(report_decode(&report, result.payload, &err));
	assert_int_equal(json_string_length(report.outcome.results), MEGABYTES << 20);
	report_finish(&report);
	bus_forget(worker->bus);
	announce_beat(worker);
	assert_int_equal(bus_count(worker->bus), 1); /* the result is still on its way */
	assert_true(presence_decode(&presence, bus_said(worker->bus, 0).payload, &err));
	assert_int_equal(presence.interval_ms, 1000);
	presence_finish(&presence);
}

static void without_a_connection_it_goes_to_disk(void **state) {
	struct worker *worker = *state;
	struct attempt *attempt = start(worker, 1, TASK, 1);
	worker->bus->down = true;
	ends(worker, attempt, "out");
	assert_int_equal(attempt->published_ms, 0);
	assert_true(report_due(attempt, UINT64_MAX / 2, clock_ms())); /* it was never said */
	assert_int_equal(files(), 1);
	worker->bus->down = false;
	report_publish(worker, attempt);
	resulted(worker, TASK, "out");
	assert_int_equal(files(), 1); /* until it is acknowledged */
	ack(worker, BOOT, TASK, 1);
	assert_int_equal(files(), 0);
}

/* The next process finds it, and says it with the boot that it belongs to. */
static void a_later_boot_finds_it(void **state) {
	struct worker *worker = *state;
	char path[64];
	worker->bus->down = true;
	ends(worker, start(worker, 1, TASK, 1), "out");
	attempt_destroy(worker, attempt_find(worker, TASK, 1));
	worker->held = 0;
	journal_close(worker->journal);
	worker->journal = journal_open(folder_of(path), NULL);
	worker->bus->down = false;
	memcpy(worker->boot, NEXT_BOOT, sizeof(NEXT_BOOT));
	report_restore(worker);
	report_restore(worker); /* what is there already stays */
	assert_int_equal(worker->held, 1);
	struct attempt *attempt = attempt_find(worker, TASK, 1);
	report_publish(worker, attempt);
	struct report report = published(worker);
	assert_string_equal(report.boot, BOOT);
	assert_string_equal(json_string_value(report.outcome.results), "out");
	report_finish(&report);
	ack(worker, NEXT_BOOT, TASK, 1);
	assert_int_equal(worker->held, 0);
	assert_int_equal(files(), 0);
}

static void what_waits_for_long_goes_to_disk(void **state) {
	struct worker *worker = *state;
	((struct proplet_settings *)(uintptr_t)worker->settings)->slots = 5;
	for (unsigned i = 1; i <= 5; i++) {
		struct attempt *attempt = start(worker, i, TASK, i);
		if (i < 5) {
			ends(worker, attempt, "out");
			attempt->held_ms -= i == 1 ? 1000 : 5000;
		}
	}
	report_save(worker, 4000, 2);
	assert_int_equal(files(), 2); /* few at once: each is a write to disk */
	report_save(worker, 4000, 1);
	assert_int_equal(files(), 3);
	report_save(worker, 4000, 32); /* the first one has not waited for that long */
	assert_int_equal(files(), 3);
	assert_false(attempt_find(worker, TASK, 1)->journaled);
	report_save(worker, 0, SIZE_MAX);
	assert_int_equal(files(), 4); /* and the last one runs */
}

static void when_it_is_said_again(void **state) {
	struct worker *worker = *state;
	struct attempt *attempt = start(worker, 1, TASK, 1);
	ends(worker, attempt, "out");
	uint64_t said_ms = attempt->published_ms;
	assert_true(said_ms != 0 && attempt->report_bytes > 10);
	assert_false(report_due(attempt, 1000, said_ms + 999));
	assert_true(report_due(attempt, 1000, said_ms + 1000));
	attempt->report_bytes = 10 * 1024 * 1024; /* that takes its time on the way */
	assert_false(report_due(attempt, 1000, said_ms + 11239));
	assert_true(report_due(attempt, 1000, said_ms + 11240));
}

/* Nobody acknowledges in the old form: it is held until it could be said, once. */
static void the_old_form_is_not_held(void **state) {
	struct worker *worker = *state;
	struct command command = { .kind = COMMAND_START, .task_id = TASK };
	worker->bus->down = true;
	ends(worker, attempt_create(worker, &command), "out");
	assert_int_equal(worker->held, 1);
	worker->bus->down = false;
	report_publish(worker, attempt_find(worker, TASK, 0));
	resulted(worker, TASK, "out");
	assert_int_equal(worker->held, 0);
	assert_null(attempt_find(worker, TASK, 0));
	assert_int_equal(files(), 0);
}

/* `size` bytes that repeat a text. */
static char *many(const char *text, size_t size) {
	char *bytes = mem_zero(size + 1, 1);
	for (size_t i = 0, length = strlen(text); i < size; i += length) {
		memcpy(bytes + i, text, length); /* `size` is a multiple of it */
	}
	return bytes;
}

/* What no broker would carry is cut, not in the middle of a character, and says so. */
static void what_does_not_fit_is_cut(void **state) {
	enum { MIB = 1024 * 1024 };
	static const struct {
		const char *text;
		size_t mib; /* with what JSON makes of it a little over the limit of 32 */
	} rows[] = { { "\x01\xe2\x82\xac\x01\x01\x01", 10 }, { "\xff", 8 } };
	struct worker *worker = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct attempt *attempt = start(worker, i + 1, TASK, (unsigned)i + 1);
		struct outcome *outcome = &attempt->report.outcome;
		size_t size = rows[i].mib * MIB;
		size -= size % strlen(rows[i].text);
		outcome->out = (struct outcome_text){ many(rows[i].text, size), size };
		outcome->error_out = (struct outcome_text){ many("y", MIB), MIB };
		CLEANUP(mem_freep) char *results = many("z", MIB);
		ends(worker, attempt, results);
		assert_true(outcome->truncated);
		assert_in_range(attempt->report_bytes, 8 * MIB, 34 * MIB);
		assert_in_range(outcome->out.size, size / 2 - 2, size / 2);
		assert_int_equal(outcome->error_out.size, MIB / 2);
		assert_int_equal(json_string_length(outcome->results), MIB / 2);
		assert_true(i == 1 || str_is_utf8(outcome->out.bytes, outcome->out.size));
		bus_forget(worker->bus);
	}
}

#define WITH_JOURNAL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_JOURNAL(an_end_is_published_and_held),
		WITH_JOURNAL(a_large_result_asks_for_patience),
		WITH_JOURNAL(without_a_connection_it_goes_to_disk),
		WITH_JOURNAL(a_later_boot_finds_it),
		WITH_JOURNAL(what_waits_for_long_goes_to_disk),
		WITH_JOURNAL(when_it_is_said_again),
		WITH_JOURNAL(the_old_form_is_not_held),
		WITH_JOURNAL(what_does_not_fit_is_cut),
	};
	return cmocka_run_group_tests_name("proplet/report", tests, NULL, NULL);
}
