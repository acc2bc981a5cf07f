/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The process between this program and an external runtime: a child of child.h.
 *
 * It starts the runtime in a process group of its own and adopts whatever loses its parent below
 * it (PR_SET_CHILD_SUBREAPER), also what has left the group with setsid(). The runtime's end, a
 * SIGTERM, or the death of the thread that started the supervisor (which comes as SIGTERM), ends
 * all of them. Why a process: the kernel tells of a parent's death only to its direct children, and
 * posix_spawn() cannot ask for it; and a wait for orphans must not meet the other children of a
 * program with threads.
 *
 * It ends as the runtime has ended: with its exit code, or by its signal.
 */

/* What a supervisor takes at most to end everything; who waits longer may kill it. */
enum { SUPERVISE_MS = 2000 };

/* Its own failure: this exit code, as a shell has it, and a line that begins so on stderr. */
enum { SUPERVISE_FAILED = 127 };
#define SUPERVISE_SAYS "cannot start "

/* Runs argv[0] (looked for in PATH); the exit code. One thread, so it may fork. */
int supervise(char **argv);
