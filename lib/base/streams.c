/* SPDX-License-Identifier: Apache-2.0 */
#include "base/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void streams_open(void) {
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		int flags = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
			(void)!open("/dev/null", flags); /* the lowest number: this one */
		}
	}
}
