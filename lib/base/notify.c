/* SPDX-License-Identifier: Apache-2.0 */
#include "base/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/str.h"

/* Often enough that two lost ones in a row do no harm. */
enum { TICKS_PER_DEADLINE = 3 };

/* A path, or with a leading '@' a name in the abstract namespace. False if it cannot be one. */
static bool address_of(const char *name, struct sockaddr_un *address, socklen_t *size) {
	size_t length = strlen(name);
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if ((name[0] != '/' && name[0] != '@') || length >= sizeof(address->sun_path)) {
		return false;
	}
	memcpy(address->sun_path, name, length);
	if (name[0] == '@') {
		address->sun_path[0] = '\0';
	}
	*size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	return true;
}

/* A service manager that does not listen is no reason to do anything else. */
static void tell(const char *text) {
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address;
	socklen_t size;
	if (name == NULL || !address_of(name, &address, &size)) {
		return;
	}
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		(void)sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
				(struct sockaddr *)&address, size);
		(void)close(fd);
	}
}

void notify_ready(const char *what) {
	char text[256];
	(void)snprintf(text, sizeof(text), "READY=1\nSTATUS=%s", what);
	tell(text);
}

void notify_stopping(void) {
	tell("STOPPING=1");
}

static uint64_t variable(const char *name) {
	const char *text = getenv(name);
	uint64_t value = 0;
	struct error ignored;
	return text != NULL && str_to_u64(text, &value, &ignored) ? value : 0;
}

void watchdog_init(struct watchdog *watchdog) {
	uint64_t pid = variable("WATCHDOG_PID");
	bool ours = pid == 0 || pid == (uint64_t)getpid();
	*watchdog = (struct watchdog){ 0 };
	if (ours) {
		watchdog->interval_ms = variable("WATCHDOG_USEC") / 1000 / TICKS_PER_DEADLINE;
	}
}

uint64_t watchdog_due_ms(const struct watchdog *watchdog) {
	return watchdog->interval_ms != 0 ? watchdog->due_ms : UINT64_MAX;
}

void watchdog_tick(struct watchdog *watchdog, uint64_t now_ms) {
	if (watchdog->interval_ms != 0 && now_ms >= watchdog->due_ms) {
		watchdog->due_ms = now_ms + watchdog->interval_ms;
		tell("WATCHDOG=1");
	}
}
