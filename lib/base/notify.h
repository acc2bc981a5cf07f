/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Tells the service manager how a program is: sd_notify(3)'s protocol, datagrams of "NAME=value"
 * to the socket that $NOTIFY_SOCKET names. Without that variable every call does nothing. (The
 * protocol is stable and these few lines are all that we need of it; libsystemd would come with
 * its own dependencies into every worker.)
 *
 * A watchdog belongs to one loop, the one whose standing still means that the program is of no
 * use any more: it asks watchdog_due_ms() when it decides how long to wait, and calls
 * watchdog_tick() each time around. The other calls are safe from any thread.
 */
#include <stdint.h>

/* Serving from now on; `what` is shown by `systemctl status`. */
void notify_ready(const char *what);
/* Ending: what is open is being finished. */
void notify_stopping(void);

struct watchdog {
	uint64_t interval_ms; /* a third of what the service manager waits; 0: it does not */
	uint64_t due_ms;      /* by clock_ms() */
};

/* From $WATCHDOG_USEC and $WATCHDOG_PID. */
void watchdog_init(struct watchdog *watchdog);
/* When the next tick is due by clock_ms(); UINT64_MAX: never. */
uint64_t watchdog_due_ms(const struct watchdog *watchdog);
/* Says that the loop goes round, if it is due. */
void watchdog_tick(struct watchdog *watchdog, uint64_t now_ms);
