/* SPDX-License-Identifier: Apache-2.0 */
#include "base/streams.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

/* In a child of its own, with some of the three closed: 0, or what is wrong. */
static int with_closed(unsigned closed) {
	for (int fd = 0; fd < 3; fd++) {
		if ((closed >> fd & 1) != 0) {
			(void)close(fd);
		}
	}
	streams_open();
	int next = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (next < 3) {
		return 1; /* what is opened later has the number of a stream */
	}
	for (int fd = 0; fd < 3; fd++) {
		char byte = 0;
		if ((closed >> fd & 1) == 0) {
			continue;
		}
		ssize_t n = fd == 0 ? read(fd, &byte, 1) : write(fd, &byte, 1);
		if (n != -1 || errno != EBADF) {
			return 2; /* somebody would believe that it was read or written */
		}
	}
	return 0;
}

static void none_of_the_three_is_free(void **state) {
	(void)state;
	for (unsigned closed = 0; closed < 8; closed++) {
		int status;
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			_exit(with_closed(closed));
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_of_the_three_is_free),
	};
	return cmocka_run_group_tests_name("base/streams", tests, NULL, NULL);
}
