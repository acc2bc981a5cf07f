/* SPDX-License-Identifier: Apache-2.0 */
#include "model/restart.h"

#include "base/str.h"

static const char *const names[] = {
	[RESTART_NEVER] = "never",
	[RESTART_ON_FAILURE] = "on-failure",
	[RESTART_ALWAYS] = "always",
};

const char *restart_name(enum restart_policy policy) {
	return names[policy];
}

bool restart_parse(const char *name, enum restart_policy *policy) {
	for (int i = RESTART_NEVER; i <= RESTART_ALWAYS; i++) {
		if (str_equal(name, names[i])) {
			*policy = (enum restart_policy)i;
			return true;
		}
	}
	return false;
}

uint64_t restart_next(const struct task *task) {
	int64_t ran = task->start_time != 0 ? task->finish_time - task->start_time : 0;
	return ran >= (int64_t)RESTART_SETTLED_MS * 1000000 ? 1 : task->restarts + 1;
}

bool restart_wanted(const struct task *task, enum task_state end) {
	if (task->restart == RESTART_NEVER || restart_next(task) > task->restart_limit) {
		return false;
	}
	return task->restart == RESTART_ALWAYS || end != TASK_COMPLETED;
}

uint64_t restart_pause_ms(uint64_t restarts) {
	uint64_t pause = RESTART_PAUSE_MS;
	for (; restarts > 1 && pause < RESTART_PAUSE_MAX_MS; restarts--) {
		pause *= 2;
	}
	return pause < RESTART_PAUSE_MAX_MS ? pause : RESTART_PAUSE_MAX_MS;
}
