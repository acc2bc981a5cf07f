/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Child processes that are kept alive: each in its own session with its output in a log file, told
 * to end when we die (also by kill -9), started again with growing pauses when it dies. One thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

struct child {
	char *name;
	struct strings argv, env; /* env beside PATH and HOME */
	char *log;                /* path */
	pid_t pid;                /* 0: not running */
	uint64_t pause_ms, restart_ms, started_ms;
};

bool child_start(struct child *child, struct error *err) MUST_CHECK;
/* Reaps; says on stderr who died, with the last lines of its log; starts again when it is time.
 * Returns clock_ms() of the next start, UINT64_MAX if none is due. */
uint64_t children_tend(struct child *children, size_t count);
/* SIGTERM to one after the other from the last to the first, SIGKILL after 10 s. */
void children_end(struct child *children, size_t count);
void child_finish(struct child *child);

/* Signals of a supervisor, blocked by signals_block(): waits up to `ms` for one. True when we are
 * asked to end (SIGINT, SIGTERM); false at the end of the time or when a child has died. */
void signals_block(void);
bool signals_wait(uint64_t ms);
