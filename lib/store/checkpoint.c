/* SPDX-License-Identifier: Apache-2.0 */
#include "store/checkpoint.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/database.h"

struct checkpoint {
	sqlite3 *writer; /* whose commits we follow */
	sqlite3 *db;     /* ours, used by the thread only */
	char *where;
	int pages; /* of log at the last commit; used by the writer only */
	pthread_t thread;
	bool running;
	pthread_mutex_t mutex; /* for what follows */
	pthread_cond_t wake;
	bool due, busy, stopping;
	int brought; /* pages of log that are in the database */
};

/* A failure here loses nothing: all is in the log, and a log that cannot grow fails a commit. */
static int bring_over(sqlite3 *db, const char *where) {
	int brought = 0;
	int code = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, &brought);
	if (code != SQLITE_OK && code != SQLITE_BUSY && code != SQLITE_LOCKED) {
		struct error err;
		(void)database_error_of(db, where, "shortening the log of the database", &err);
		log_warn("the store's log stays as it is for now error=\"%s\"", err.message);
	}
	return brought;
}

/*
 * SQLite syncs the database file only when the whole log has been brought over. Done here already,
 * this leaves little to sync for the commit that finishes the log.
 */
static void sync_file(sqlite3 *db) {
	sqlite3_file *file = NULL;
	(void)sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
	if (file != NULL && file->pMethods != NULL) {
		(void)file->pMethods->xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
	}
}

static void *run(void *argument) {
	struct checkpoint *c = argument;
	(void)pthread_mutex_lock(&c->mutex);
	while (!c->stopping) {
		if (!c->due) {
			(void)pthread_cond_wait(&c->wake, &c->mutex);
			continue;
		}
		c->due = false;
		c->busy = true;
		(void)pthread_mutex_unlock(&c->mutex);
		int brought = bring_over(c->db, c->where);
		sync_file(c->db);
		(void)pthread_mutex_lock(&c->mutex);
		c->busy = false;
		c->brought = brought;
	}
	(void)pthread_mutex_unlock(&c->mutex);
	return NULL;
}

static bool may_begin_anew(const struct checkpoint *c, int pages) {
	return pages >= CHECKPOINT_MAX || (pages >= CHECKPOINT_ANEW && !c->busy && !c->due &&
							  pages - c->brought <= CHECKPOINT_REST);
}

/* After every commit: `pages` is the length of the log. */
static int committed(void *context, sqlite3 *db, const char *name, int pages) {
	struct checkpoint *c = context;
	(void)name;
	(void)pthread_mutex_lock(&c->mutex);
	if (pages < c->pages) {
		c->brought = 0; /* it began anew */
	}
	bool anew = may_begin_anew(c, pages);
	if (!anew && pages / CHECKPOINT_STEP > c->pages / CHECKPOINT_STEP) {
		c->due = true;
		(void)pthread_cond_signal(&c->wake);
	}
	(void)pthread_mutex_unlock(&c->mutex);
	c->pages = pages;
	if (anew) {
		(void)bring_over(db, c->where);
	}
	return SQLITE_OK;
}

static bool open_own(struct checkpoint *c, struct error *err) {
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	if (sqlite3_open_v2(c->where, &c->db, flags, NULL) != SQLITE_OK ||
			sqlite3_exec(c->db,
					"PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;",
					NULL, NULL, NULL) != SQLITE_OK) {
		return database_error_of(c->db, c->where, "opening", err);
	}
	return true;
}

struct checkpoint *checkpoint_start(sqlite3 *db, const char *where, struct error *err) {
	struct checkpoint *c = MEM_NEW(struct checkpoint);
	c->writer = db;
	c->where = str_copy(where);
	(void)pthread_mutex_init(&c->mutex, NULL);
	(void)pthread_cond_init(&c->wake, NULL);
	bool ok = open_own(c, err);
	if (ok) {
		int code = pthread_create(&c->thread, NULL, run, c);
		c->running = code == 0;
		ok = c->running || error_errno(err, code, "starting a thread for %s", where);
	}
	if (!ok) {
		checkpoint_stop(c);
		return NULL;
	}
	(void)sqlite3_wal_hook(db, committed, c);
	return c;
}

void checkpoint_stop(struct checkpoint *c) {
	if (c == NULL) {
		return;
	}
	if (c->running) {
		(void)sqlite3_wal_hook(c->writer, NULL, NULL);
		(void)pthread_mutex_lock(&c->mutex);
		c->stopping = true;
		(void)pthread_cond_signal(&c->wake);
		(void)pthread_mutex_unlock(&c->mutex);
		(void)pthread_join(c->thread, NULL);
	}
	(void)sqlite3_close(c->db);
	(void)pthread_cond_destroy(&c->wake);
	(void)pthread_mutex_destroy(&c->mutex);
	free(c->where);
	free(c);
}
