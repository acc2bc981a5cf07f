/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Whether a task begins again by itself when an attempt has ended, and when. Pure.
 *
 * The pause doubles from one restart to the next, from 1 s to 5 minutes. An attempt that ran for
 * ten minutes ends a series: the next restart counts as the first again.
 */
#include <stdbool.h>
#include <stdint.h>

#include "model/task.h"

enum { RESTART_LIMIT_DEFAULT = 10, RESTART_LIMIT_MAX = 1000000 };
enum {
	RESTART_PAUSE_MS = 1000,
	RESTART_PAUSE_MAX_MS = 300 * 1000,
	RESTART_SETTLED_MS = 600 * 1000
};

const char *restart_name(enum restart_policy policy); /* "on-failure" */
bool restart_parse(const char *name, enum restart_policy *policy);
/* True if a task whose attempt has ended in this final state is to begin again. What a user has
 * stopped never is; whoever calls knows that. */
bool restart_wanted(const struct task *task, enum task_state end);
/* The pause before restart number `restarts` (1, 2, ...), in milliseconds. */
uint64_t restart_pause_ms(uint64_t restarts);
/* The number of the restart that follows now, with the ended attempt's times in the task. */
uint64_t restart_next(const struct task *task);
