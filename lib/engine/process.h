/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One subprocess from its start to its end: in a process group of its own, its output drained
 * while it runs, stopped by a request or a deadline, and always reaped. It inherits no other
 * descriptor, and of our environment PATH and HOME alone. The calling thread waits for it.
 */
#include <sys/types.h>

#include "engine/engine.h"

/* How long a process may take to go after SIGTERM; a stop has 100 ms in all. */
enum { PROCESS_GRACE_MS = 30 };

struct process_request {
	char **argv;               /* NULL at the end; argv[0] is looked for in PATH */
	const struct strings *env; /* "NAME=value", beside PATH and HOME; may be NULL */
	struct bytes input;
	int input_fd;      /* > 0: a file with the input, instead; it stays the caller's */
	uint64_t wall_ms;  /* 0: none */
	uint64_t grace_ms; /* between SIGTERM and SIGKILL; 0: PROCESS_GRACE_MS */
	struct run_stop *stop;
	struct run_gauge *gauge; /* or NULL */
	bool supervisor;         /* not it is measured, but what it runs */
	int extra_fd;            /* > 0: the process has it as descriptor 3 */
};

enum process_end { PROCESS_ENDED, PROCESS_STOPPED, PROCESS_LATE };

/* What came of it; the buffers are set by the caller, with their limits. */
struct process_outcome {
	enum process_end end;
	int status;            /* as wait() tells it */
	uint64_t memory_bytes; /* the most that it had resident */
	struct buf out, err;
	bool truncated;
};

/* False if it could not be started; the outcome's buffers are the caller's in either case. */
bool process_run(const struct process_request *request, struct process_outcome *outcome,
		struct error *err) MUST_CHECK;
