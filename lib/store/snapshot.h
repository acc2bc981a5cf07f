/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A backup of a store that goes on being used: one consistent snapshot of its database, and every
 * module file that the snapshot refers to (spec/backup.md).
 *
 * The snapshot is made by SQLite (VACUUM INTO) over a connection of its own: it reads one state of
 * the database, and neither waits for the writer nor makes it wait. It lies in a folder beside the
 * store until it has been handed on, so that a slow client holds a file and no transaction. Module
 * files that are deleted meanwhile are held (modules_hold()).
 *
 * A thread of its own calls this; it takes as long as it takes.
 */
#include <stdatomic.h>
#include <stdbool.h>

#include "base/error.h"
#include "store/archive.h"
#include "store/modules.h"

enum { SNAPSHOT_SPARE_BYTES = 32 * 1024 * 1024 }; /* of disk, that a backup leaves to others */

struct snapshot {
	const char *database;
	struct modules *modules;
	const char *folder;        /* for the snapshot, on the disk of the modules; 0700 */
	const atomic_bool *cancel; /* once it is true, all ends soon with ERROR_INTERRUPTED */
};

/* Makes the folder, or empties it of what a program that was killed has left there. */
bool snapshot_clear(const char *folder, struct error *err) MUST_CHECK;
/* ERROR_NO_SPACE if the snapshot of that database would fill the disk of the folder. */
bool snapshot_fits(const char *database, const char *folder, struct error *err) MUST_CHECK;
/* Writes all of it through the writer (whose put() may wait); the folder is empty afterwards. When
 * it fails before the first member, the writer is told why (archive_fail()). */
bool snapshot_write(const struct snapshot *snapshot, struct archive_writer *writer,
		struct error *err) MUST_CHECK;
