/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Brings what stands in the write-ahead log into the database file, on a thread and a connection
 * of its own, so that commits seldom wait for it. The log begins anew only when all of it has been
 * brought over, which never happens by itself while commits keep coming: when the thread is done
 * and little has come since, the committing thread brings over the rest. So the log stays bounded.
 */
#include <sqlite3.h>
#include <stdbool.h>

#include "base/error.h"

/* Pages of log (4 KiB each). */
enum {
	CHECKPOINT_STEP = 1000, /* time to bring them over */
	CHECKPOINT_ANEW = 4000, /* let the log begin anew if no more than ... */
	CHECKPOINT_REST = 500,  /* ... this is left to do for a commit */
	CHECKPOINT_MAX = 16000, /* let it begin anew, whatever it costs */
};

struct checkpoint;
/* For an open database in WAL mode; takes the place of its automatic checkpoints. */
struct checkpoint *checkpoint_start(sqlite3 *db, const char *where, struct error *err);
/* Before the database is closed. Accepts NULL. */
void checkpoint_stop(struct checkpoint *checkpoint);
