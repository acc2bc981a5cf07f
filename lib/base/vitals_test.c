/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vitals.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void they_are_those_of_this_process(void **state) {
	(void)state;
	struct vitals v;
	struct rlimit files;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	assert_int_equal(prctl(PR_SET_NAME, "a) R 1 (b"), 0); /* the name stands in what is read */
	vitals_read(&v);
	double now = (double)time(NULL);
	assert_true(v.start_seconds > now - 3600 && v.start_seconds < now + 2);
	assert_true(v.resident_bytes > 100e3 && v.resident_bytes <= v.virtual_bytes);
	assert_true(v.max_fds == (double)files.rlim_cur);
	assert_true(v.threads >= 1);
	assert_true(v.cpu_seconds > 0 && v.cpu_seconds < 3600);
}

static void files_are_counted(void **state) {
	(void)state;
	struct vitals before, after;
	vitals_read(&before);
	int first = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int second = open("/dev/null", O_RDONLY | O_CLOEXEC);
	vitals_read(&after);
	assert_true(after.open_fds == before.open_fds + 2);
	(void)close(first);
	(void)close(second);
}

static void *wait_for_it(void *context) {
	(void)pthread_mutex_lock(context);
	(void)pthread_mutex_unlock(context);
	return NULL;
}

/* The first may bring one of a sanitizer with it. */
static void threads_are_counted(void **state) {
	(void)state;
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_t threads[2];
	struct vitals before, after;
	(void)pthread_mutex_lock(&lock);
	assert_int_equal(pthread_create(&threads[0], NULL, wait_for_it, &lock), 0);
	vitals_read(&before);
	assert_int_equal(pthread_create(&threads[1], NULL, wait_for_it, &lock), 0);
	vitals_read(&after);
	(void)pthread_mutex_unlock(&lock);
	(void)pthread_join(threads[0], NULL);
	(void)pthread_join(threads[1], NULL);
	assert_true(before.threads >= 2);
	assert_true(after.threads == before.threads + 1);
}

static void work_takes_time(void **state) {
	(void)state;
	struct vitals before, after;
	vitals_read(&before);
	do {
		vitals_read(&after);
	} while (after.cpu_seconds <= before.cpu_seconds);
	assert_true(after.start_seconds > before.start_seconds - 1);
}

static void both_forms(void **state) {
	(void)state;
	struct buf open = BUF_INIT(4096), old = BUF_INIT(4096), small = BUF_INIT(100);
	vitals_write(&open, true);
	vitals_write(&old, false);
	vitals_write(&small, false); /* no harm */
	assert_non_null(strstr(buf_text(&open), "# TYPE process_cpu_seconds counter\n"));
	assert_non_null(strstr(buf_text(&old), "# TYPE process_cpu_seconds_total counter\n"));
	assert_non_null(strstr(buf_text(&open), "\nprocess_cpu_seconds_total "));
	assert_non_null(strstr(buf_text(&old), "\nprocess_cpu_seconds_total "));
	assert_non_null(strstr(buf_text(&old), "\nprocess_threads "));
	assert_true(small.size <= 100);
	buf_finish(&open);
	buf_finish(&old);
	buf_finish(&small);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_are_those_of_this_process),
		cmocka_unit_test(files_are_counted),
		cmocka_unit_test(threads_are_counted),
		cmocka_unit_test(work_takes_time),
		cmocka_unit_test(both_forms),
	};
	return cmocka_run_group_tests_name("base/vitals", tests, NULL, NULL);
}
