/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/memory.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"

static void test_it_is_zeroed_aligned_and_writable(void **state) {
	(void)state;
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 32, 4095, 4096, 4097, 100000 };
	struct error err;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct seal_memory memory;
		assert_true(seal_memory_create(&memory, sizes[i], SEAL_MEMORY_PLAIN, &err));
		assert_int_equal(memory.size, sizes[i]);
		assert_int_equal((uintptr_t)memory.data % 16, 0);
		for (size_t j = 0; j < sizes[i]; j++) {
			assert_int_equal(memory.data[j], 0);
		}
		memset(memory.data, 0xa5, sizes[i]);
		seal_memory_finish(&memory);
		assert_null(memory.data);
		seal_memory_finish(&memory); /* twice is fine */
	}
}

static void test_too_much_is_an_error(void **state) {
	(void)state;
	struct error err;
	struct seal_memory memory;
	assert_false(seal_memory_create(&memory, SIZE_MAX - 5, SEAL_MEMORY_PLAIN, &err));
	assert_int_equal(err.code, ERROR_NO_MEMORY);
	assert_false(seal_memory_create(&memory, (size_t)1 << 60, SEAL_MEMORY_PLAIN, &err));
	assert_int_equal(err.code, ERROR_NO_MEMORY);
	assert_null(memory.data);
}

/* Runs it in a child; its exit code, or 128 + the signal that ended it. */
static int in_a_child(int (*deed)(void *), void *with) {
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct rlimit none = { 0, 0 };
		(void)setrlimit(RLIMIT_CORE, &none);
		(void)signal(SIGSEGV, SIG_DFL);
		_exit(deed(with));
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int touch(void *address) {
	*(volatile uint8_t *)address = 1;
	return 0;
}

static void test_guards_on_both_sides(void **state) {
	(void)state;
	struct error err;
	struct seal_memory memory;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	assert_true(seal_memory_create(&memory, 32, SEAL_MEMORY_PLAIN, &err));
	uint8_t *first = memory.data + 32 - page;
	assert_int_equal(in_a_child(touch, memory.data), 0);
	assert_int_equal(in_a_child(touch, memory.data + 31), 0);
	assert_int_equal(in_a_child(touch, first), 0);
	assert_int_equal(in_a_child(touch, memory.data + 32), 128 + SIGSEGV);
	assert_int_equal(in_a_child(touch, first - 1), 128 + SIGSEGV);
	seal_memory_finish(&memory);
}

static int read_byte(void *address) {
	return *(volatile uint8_t *)address;
}

static void test_a_forked_child_has_plain_bytes_but_no_keys(void **state) {
	(void)state;
	struct error err;
	struct seal_memory key, plain;
	assert_true(seal_memory_create(&key, 32, SEAL_MEMORY_KEYS, &err));
	assert_true(seal_memory_create(&plain, 32, SEAL_MEMORY_PLAIN, &err));
	*key.data = *plain.data = 77;
	assert_int_equal(in_a_child(read_byte, key.data), 0);
	assert_int_equal(in_a_child(read_byte, plain.data), 77);
	assert_int_equal(*key.data, 77);
	seal_memory_finish(&key);
	seal_memory_finish(&plain);
}

/* As somebody without privileges, who may lock that many bytes. */
static void limit_locking(size_t bytes) {
	struct rlimit limit = { bytes, bytes };
	if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0 ||
			(geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)) {
		_exit(100);
	}
}

static int create_without_a_limit(void *with) {
	(void)with;
	struct error err;
	struct seal_memory memory;
	limit_locking(0);
	if (seal_memory_create(&memory, 32, SEAL_MEMORY_KEYS, &err) ||
			err.code != ERROR_NO_MEMORY ||
			strstr(err.message, "LimitMEMLOCK") == NULL) {
		return 1;
	}
	if (!seal_memory_create(&memory, 32, SEAL_MEMORY_PLAIN, &err) || memory.locked) {
		return 2;
	}
	seal_memory_finish(&memory);
	return 0;
}

static int create_at_a_limit(void *with) {
	(void)with;
	struct error err;
	struct seal_memory small, large, again;
	limit_locking(64 * 1024);
	if (!seal_memory_create(&small, 32 * 1024, SEAL_MEMORY_PLAIN, &err) || !small.locked) {
		return 1;
	}
	if (!seal_memory_create(&large, 64 * 1024, SEAL_MEMORY_PLAIN, &err) || large.locked) {
		return 2;
	}
	seal_memory_finish(&small); /* unlocks it */
	if (!seal_memory_create(&again, 64 * 1024, SEAL_MEMORY_KEYS, &err) || !again.locked) {
		return 3;
	}
	seal_memory_finish(&large);
	seal_memory_finish(&again);
	return 0;
}

static void test_what_cannot_be_locked(void **state) {
	(void)state;
#ifdef SANITIZED
	skip(); /* its mlock() does nothing */
#endif
	assert_int_equal(in_a_child(create_without_a_limit, NULL), 0);
	assert_int_equal(in_a_child(create_at_a_limit, NULL), 0);
}

/* The flags of the mapping that an address is in, as /proc/self/smaps has them. */
static void find_flags(const void *address, char flags[256]) {
	FILE *file = fopen("/proc/self/smaps", "re");
	assert_non_null(file);
	char line[512];
	bool inside = false;
	flags[0] = '\0';
	while (fgets(line, sizeof(line), file) != NULL) {
		unsigned long from, to;
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
			inside = from <= (unsigned long)address && (unsigned long)address < to;
		} else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
			(void)snprintf(flags, 256, "%s", line + 8);
		}
	}
	(void)fclose(file);
}

static void test_the_kernel_knows(void **state) {
	(void)state;
#ifdef SANITIZED
	skip();
#endif
	struct error err;
	struct seal_memory memory;
	char flags[256];
	assert_true(seal_memory_create(&memory, 32, SEAL_MEMORY_KEYS, &err));
	find_flags(memory.data, flags);
	assert_non_null(strstr(flags, " lo")); /* locked */
	assert_non_null(strstr(flags, " dd")); /* not in dumps */
	assert_non_null(strstr(flags, " wf")); /* wiped on fork */
	seal_memory_finish(&memory);
}

static int forbid_dumps(void *with) {
	(void)with;
	struct error err;
	return prctl(PR_GET_DUMPABLE) == 1 && seal_forbid_dumps(&err) && prctl(PR_GET_DUMPABLE) == 0
			       ? 0
			       : 1;
}

static void test_dumps(void **state) {
	(void)state;
	assert_int_equal(in_a_child(forbid_dumps, NULL), 0);
}

static bool swap_says(const char *text) {
	char path[] = "/tmp/airscrew-swaps-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
	bool listed = seal_swap_listed(path);
	(void)unlink(path);
	return listed;
}

static void test_swap(void **state) {
	(void)state;
	static const char head[] = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
	assert_false(swap_says(head));
	assert_true(swap_says("Filename\tType\n/dev/sda2 partition 1000 0 -2\n"));
	assert_true(swap_says(""));
	assert_true(seal_swap_listed("/nowhere/swaps"));
	assert_int_equal(seal_swap_active(), seal_swap_listed("/proc/swaps"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_is_zeroed_aligned_and_writable),
		cmocka_unit_test(test_too_much_is_an_error),
		cmocka_unit_test(test_guards_on_both_sides),
		cmocka_unit_test(test_a_forked_child_has_plain_bytes_but_no_keys),
		cmocka_unit_test(test_what_cannot_be_locked),
		cmocka_unit_test(test_the_kernel_knows),
		cmocka_unit_test(test_dumps),
		cmocka_unit_test(test_swap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
