/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Whole files, with limits, and writes that are either there or not after a power loss. */
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"

/* Appends the file's content to `out`; over its limit ERROR_TOO_LARGE. Missing: NOT_FOUND. */
bool file_read(const char *path, struct buf *out, struct error *err) MUST_CHECK;
/* Writes beside the path, fsyncs, renames, fsyncs the folder. `mode` as for open(). */
bool file_write(const char *path, const void *bytes, size_t size, unsigned mode,
		struct error *err) MUST_CHECK;
/* Makes a folder and its parents (mode 0700 where it makes one). */
bool file_make_folder(const char *path, struct error *err) MUST_CHECK;
/* The same for a program's state; the log has a warning if others than this user and root can
 * exchange what lies there. */
bool file_make_state(const char *path, struct error *err) MUST_CHECK;
/* Makes the names in a folder durable. */
bool file_sync_folder(const char *path, struct error *err) MUST_CHECK;
/* Where a program's state lies if nobody says so: what systemd or the user's environment name for
 * it
 * ($STATE_DIRECTORY, $XDG_STATE_HOME/propeller, ~/.local/state/propeller), or NULL. To be freed. */
char *file_state_folder(void) MUST_CHECK;
/* For CLEANUP(file_closep) int fd = -1; */
void file_closep(int *fd);
