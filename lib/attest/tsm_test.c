/* SPDX-License-Identifier: Apache-2.0 */
/*
 * configfs-tsm in a folder of the test: a FAKE that stands for hardware which is not here. mkdir()
 * makes the files that the kernel would make, and a thread answers through them as pipes.
 */
#include "attest/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attest/attester.h"

enum { TABLE_ROOM = 4096 };

int __real_mkdir(const char *path, mode_t mode);
int __real_rmdir(const char *path);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_rmdir(const char *path);

static struct fake {
	/* How it behaves. */
	const char *provider;
	bool levels, table, spoilt_table, other_writer, deaf, wrong_size;
	/* What it saw. */
	unsigned reports, removed;
	char level;
	/* How it works. */
	char parent[64], folder[256];
	unsigned generation;
	pthread_t thread;
	atomic_bool stop;
} fake;

static void path_of(const char *name, char path[320]) {
	(void)snprintf(path, 320, "%s/%s", fake.folder, name);
}

static void write_text(const char *name, const char *text) {
	char path[320];
	path_of(name, path);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void write_generation(void) {
	char text[16];
	(void)snprintf(text, sizeof(text), "%u\n", fake.generation);
	write_text("generation", text);
}

/* What the attester writes, until it closes; 0 when the test is over. */
static size_t receive(const char *name, uint8_t *out, size_t room) {
	char path[320];
	size_t size = 0;
	path_of(name, path);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	while (fd >= 0 && !fake.stop) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		if (poll(&wait, 1, 20) == 0) {
			continue;
		}
		ssize_t got = read(fd, out + size, room - size);
		size += got > 0 ? (size_t)got : 0;
		if (got <= 0) {
			break;
		}
	}
	(void)close(fd);
	return size;
}

/* Once the attester has opened it for reading. */
static void send(const char *name, const uint8_t *bytes, size_t size) {
	char path[320];
	int fd = -1;
	path_of(name, path);
	while (!fake.stop && (fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0 &&
			errno == ENXIO) {
		(void)poll(NULL, 0, 1);
	}
	if (fd >= 0) {
		(void)!write(fd, bytes, size);
		(void)close(fd);
	}
}

static size_t make_table(uint8_t table[TABLE_ROOM]) {
	static const uint8_t vcek[] = { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5,
		0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd, 48, 0, 0, 0, 4, 0, 0, 0 };
	memset(table, 0, TABLE_ROOM);
	memcpy(table, vcek, sizeof(vcek));
	memcpy(table + 48, "cert", 4);
	table[16] = fake.spoilt_table ? 0xff : table[16];
	table[17] = fake.spoilt_table ? 0xff : 0;
	return 52;
}

static void answer(const uint8_t *data) {
	struct fixture_chain chain = { .product = SNP_PRODUCT_MILAN };
	uint8_t report[SNP_REPORT_BYTES], table[TABLE_ROOM];
	fixture_report(&chain, 3, report);
	memcpy(report + SNP_DATA_AT, data, EVIDENCE_DATA_BYTES);
	report[SNP_DATA_AT] ^= fake.deaf;
	send("outblob", report, sizeof(report) - fake.wrong_size);
	if (fake.table) {
		send("auxblob", table, make_table(table));
	}
}

static void *serve(void *unused) {
	uint8_t data[128];
	(void)unused;
	while (receive("inblob", data, sizeof(data)) == EVIDENCE_DATA_BYTES) {
		fake.generation++;
		if (fake.levels) {
			(void)receive("privlevel", (uint8_t *)&fake.level, 1);
			fake.generation++;
		}
		fake.generation += fake.other_writer;
		write_generation();
		fake.reports++;
		answer(data);
	}
	return NULL;
}

static void make_pipe(const char *name, bool wanted) {
	char path[320];
	path_of(name, path);
	assert_true(!wanted || mkfifo(path, 0600) == 0);
}

int __wrap_mkdir(const char *path, mode_t mode) {
	int done = __real_mkdir(path, mode);
	if (done != 0 || fake.provider == NULL) {
		return done;
	}
	(void)snprintf(fake.folder, sizeof(fake.folder), "%s", path);
	write_text("README", "FAKE: no hardware answers here, a test does\n");
	write_text("provider", fake.provider);
	write_generation();
	make_pipe("inblob", true);
	make_pipe("outblob", true);
	make_pipe("auxblob", fake.table);
	make_pipe("privlevel", fake.levels);
	fake.stop = false;
	assert_int_equal(pthread_create(&fake.thread, NULL, serve, NULL), 0);
	return done;
}

int __wrap_rmdir(const char *path) {
	static const char *const names[] = { "README", "provider", "generation", "inblob",
		"outblob", "auxblob", "privlevel" };
	fake.stop = true;
	assert_int_equal(pthread_join(fake.thread, NULL), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char file[320];
		path_of(names[i], file);
		(void)unlink(file);
	}
	fake.removed++;
	return __real_rmdir(path);
}

/* --- tests -------------------------------------------------------------------------------------
 */

static int set_up(void **state) {
	(void)state;
	fake = (struct fake){ .provider = "sev_guest\n" };
	(void)snprintf(fake.parent, sizeof(fake.parent), "/tmp/airscrew-tsm-XXXXXX");
	return mkdtemp(fake.parent) != NULL ? 0 : -1;
}

/* Nothing is left in the parent. */
static int tear_down(void **state) {
	(void)state;
	return __real_rmdir(fake.parent);
}

static struct attester *open_it(unsigned vmpl, struct error *err) {
	struct attester_settings settings = { .tsm_folder = fake.parent,
		.guest_device = "/nonexistent/sev-guest",
		.signs_root = "/nonexistent",
		.vmpl = vmpl };
	return attester_open(&settings, err);
}

static void test_a_report(void **state) {
	struct error err;
	struct evidence evidence;
	uint8_t data[EVIDENCE_DATA_BYTES];
	(void)state;
	fake.levels = fake.table = true;
	struct attester *attester = open_it(2, &err);
	assert_non_null(attester);
	assert_int_equal(attester_tee(attester), EVIDENCE_SEV_SNP);
	assert_int_equal(fake.reports, 1); /* what it was opened with */
	evidence_init(&evidence);
	for (uint8_t i = 0; i < 3; i++) {
		memset(data, i, sizeof(data));
		assert_true(attester_report(attester, data, &evidence, &err));
		assert_int_equal(evidence.report.size, SNP_REPORT_BYTES);
		assert_memory_equal(evidence.report.data + SNP_DATA_AT, data, sizeof(data));
	}
	assert_int_equal(fake.level, '2');
	assert_string_equal(buf_text(&evidence.certificates.items[CERTIFICATE_VCEK]), "cert");
	assert_int_equal(evidence.certificates.items[CERTIFICATE_ASK].size, 0);
	evidence_finish(&evidence);
	attester_close(attester);
	assert_int_equal(fake.removed, 1);
}

/* Several threads, one file: their reports are not mixed. */
static void *ask_often(void *argument) {
	struct attester *attester = argument;
	static atomic_uint next;
	struct error err;
	struct evidence evidence;
	uint8_t data[EVIDENCE_DATA_BYTES];
	memset(data, (int)(0x80 + next++), sizeof(data));
	evidence_init(&evidence);
	bool good = true;
	for (int i = 0; i < 10 && good; i++) {
		good = attester_report(attester, data, &evidence, &err) &&
		       memcmp(evidence.report.data + SNP_DATA_AT, data, sizeof(data)) == 0;
	}
	evidence_finish(&evidence);
	return good ? attester : NULL;
}

static void test_threads_wait_for_each_other(void **state) {
	struct error err;
	pthread_t threads[4];
	(void)state;
	fake.table = true;
	struct attester *attester = open_it(0, &err);
	assert_non_null(attester);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, ask_often, attester), 0);
	}
	for (int i = 0; i < 4; i++) {
		void *good;
		assert_int_equal(pthread_join(threads[i], &good), 0);
		assert_non_null(good);
	}
	assert_int_equal(fake.reports, 41);
	attester_close(attester);
}

/* Whatever is wrong with its answers, nothing is attested, and its folder goes. */
static void refuse(const char *words) {
	struct error err;
	assert_null(open_it(0, &err));
	assert_int_equal(err.code, ERROR_UNATTESTED);
	if (strstr(err.message, words) == NULL) {
		fail_msg("\"%s\" is not in: %s", words, err.message);
	}
	assert_int_equal(fake.removed, 1);
}

static void test_another_writer(void **state) {
	(void)state;
	fake.other_writer = true;
	refuse("somebody else writes");
}

static void test_a_report_about_something_else(void **state) {
	(void)state;
	fake.deaf = true;
	refuse("about something else");
}

static void test_a_report_that_is_cut(void **state) {
	(void)state;
	fake.wrong_size = true;
	refuse("about something else");
}

static void test_a_table_that_points_outside(void **state) {
	(void)state;
	fake.table = fake.spoilt_table = true;
	refuse("outside of itself");
}

static void test_another_provider(void **state) {
	(void)state;
	fake.provider = "tdx_guest\n";
	refuse("tdx_guest is not understood yet");
	assert_int_equal(fake.reports, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_report, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
				test_threads_wait_for_each_other, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_another_writer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
				test_a_report_about_something_else, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_report_that_is_cut, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
				test_a_table_that_points_outside, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_another_provider, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
