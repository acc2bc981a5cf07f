/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The inside of a run_gauge: who runs says here what it uses. Everything accepts NULL, for runs
 * that nobody looks at. The lock is held for as long as somebody looks, so that the thread or the
 * process that is looked at is still there.
 */
#include <sys/types.h>

#include "engine/engine.h"

/* The run begins, and ends, in the calling thread. */
void gauge_begin(struct run_gauge *gauge);
void gauge_end(struct run_gauge *gauge);
/* What a guest in this process uses: memory, fuel, files. Time and threads are known already. */
void gauge_tell(struct run_gauge *gauge, const struct run_usage *usage);
/* A process does it all, or those below it if it is a supervisor; 0 before it is waited for. */
void gauge_process(struct run_gauge *gauge, pid_t pid, bool supervisor);

/* usage.c: what a process and all below it use; `supervisor`: without itself. */
void usage_of_processes(pid_t pid, bool supervisor, struct run_usage *usage);
