/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The directories of a worker that a task asks for: member `dirs`, a list of
 * {"host": "/data/in", "guest": "/in", "write": false}. Whether it may have them is the worker's
 * business. Owns its texts; {0} is empty. Pure.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { MOUNTS_MAX = 16, MOUNT_PATH_MAX = 4096 };

struct mount {
	char *host, *guest;
	bool write;
};

struct mounts {
	struct mount *items;
	size_t count;
};

/*
 * Replaces what there is by object.dirs; absent and null change nothing. `guest` is `host` if it is
 * not given. ERROR_INVALID: a relative path, a step "..", two with one name, too many.
 */
bool mounts_read(struct mounts *mounts, const json_t *object, struct error *err) MUST_CHECK;
json_t *mounts_list(const struct mounts *mounts);
void mounts_copy(struct mounts *to, const struct mounts *from); /* `to` uninitialised */
void mounts_finish(struct mounts *mounts);
