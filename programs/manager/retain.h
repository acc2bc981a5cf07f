/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Tasks that ended longer ago than MANAGER_TASK_RETENTION are removed, their modules with them
 * unless another task has the same. Only the loop calls this.
 */
#include "manager/manager.h"

/* A step of the walk over all tasks, when it is time for one: every minute a whole turn. */
void retain_tick(struct manager *m);
