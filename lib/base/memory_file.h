/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Bytes in memory that another process can be given: a file without a name, and our mapping of it.
 * The mapping is memory like any other of this process, so mlockall() holds for it. One thread at
 * a time.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/error.h"

struct memory_file {
	int fd; /* > 0, once there is room */
	uint8_t *data;
	size_t size, room;
};

/* Room for so many bytes in all; {0} is an empty file without any. What stands in it may move.
 * ERROR_NO_MEMORY. */
bool memory_file_reserve(struct memory_file *file, size_t room, struct error *err) MUST_CHECK;
/* Within the room. ERROR_NO_MEMORY. */
bool memory_file_append(struct memory_file *file, struct bytes bytes, struct error *err) MUST_CHECK;
/* From now on nobody who gets the descriptor can change anything: it is as long as what was
 * appended, and only we could still write, through `data`. */
bool memory_file_seal(struct memory_file *file, struct error *err) MUST_CHECK;
/* With `wipe` the bytes are zeroed first, for who has mapped them as well. {0} is fine, twice too.
 */
void memory_file_finish(struct memory_file *file, bool wipe);
