/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/backup.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "manager/manager.h"
#include "store/snapshot.h"

/* Whoever has all of it leaves before HTTP is through with him, and the next one may come. */
struct client {
	struct backups *backups;
	struct http_stream *stream;
};

struct backups {
	struct manager *m;
	char *folder;       /* for snapshots; NULL: nothing is kept on a disk */
	atomic_bool cancel; /* of the one that runs */

	pthread_mutex_t lock; /* of the pipe, and what is below */
	pthread_cond_t room;
	uint8_t *pipe; /* a ring of BACKUP_PIPE_BYTES; NULL while none runs */
	size_t begin, used;
	bool over, complete;   /* nothing more goes into the pipe; and all is in it */
	struct client *client; /* who still reads */
	bool has_thread, joinable, closed;
	pthread_t thread;
	uint64_t pace_ms; /* since then it was waited for so many bytes */
	size_t pace_bytes;

	pthread_mutex_t stream_lock; /* end() takes it, so the stream is there while it is held */
	struct http_stream *stream;
};

/* --- the pipe ---------------------------------------------------------------------------------
 */

static void wake(struct backups *backups) {
	(void)pthread_mutex_lock(&backups->stream_lock);
	if (backups->stream != NULL) {
		http_stream_wake(backups->stream);
	}
	(void)pthread_mutex_unlock(&backups->stream_lock);
}

/* Under the lock. */
static size_t fill_pipe(struct backups *backups, struct bytes piece) {
	size_t end = (backups->begin + backups->used) % BACKUP_PIPE_BYTES;
	size_t room = BACKUP_PIPE_BYTES - backups->used, straight = BACKUP_PIPE_BYTES - end;
	size_t step = piece.size < room ? piece.size : room;
	step = step < straight ? step : straight;
	memcpy(backups->pipe + end, piece.data, step);
	backups->used += step;
	return step;
}

static size_t drain_pipe(struct backups *backups, uint8_t *to, size_t size) {
	size_t straight = BACKUP_PIPE_BYTES - backups->begin;
	size_t step = size < backups->used ? size : backups->used;
	step = step < straight ? step : straight;
	memcpy(to, backups->pipe + backups->begin, step);
	backups->begin = (backups->begin + step) % BACKUP_PIPE_BYTES;
	backups->used -= step;
	backups->pace_bytes += step;
	return step;
}

/* Under the lock: whether a full pipe was emptied too slowly for too long. */
static bool is_too_slow(struct backups *backups) {
	uint64_t now = clock_ms();
	if (now < backups->pace_ms + BACKUP_PACE_MS) {
		return false;
	}
	bool slow = backups->pace_bytes < BACKUP_PACE_BYTES;
	backups->pace_ms = now;
	backups->pace_bytes = 0;
	return slow;
}

static bool wait_for_room(struct backups *backups, struct error *err) {
	while (backups->used == BACKUP_PIPE_BYTES && !atomic_load(&backups->cancel)) {
		struct timespec until = clock_timespec(backups->pace_ms + BACKUP_PACE_MS);
		if (is_too_slow(backups)) {
			return error_set(err, ERROR_TIMEOUT,
					"its client takes less than %d KiB in %d s",
					BACKUP_PACE_BYTES / 1024, BACKUP_PACE_MS / 1000);
		}
		(void)pthread_cond_timedwait(&backups->room, &backups->lock, &until);
	}
	return !atomic_load(&backups->cancel) ||
	       error_set(err, ERROR_INTERRUPTED, "it was given up: its client is gone");
}

static bool put(void *context, struct bytes piece, struct error *err) {
	struct backups *backups = context;
	bool ok = true;
	while (ok && piece.size != 0) {
		(void)pthread_mutex_lock(&backups->lock);
		ok = wait_for_room(backups, err);
		size_t step = ok ? fill_pipe(backups, piece) : 0;
		(void)pthread_mutex_unlock(&backups->lock);
		wake(backups);
		piece.data += step;
		piece.size -= step;
	}
	return ok;
}

/* --- the client's side ------------------------------------------------------------------------
 */

/* Under the lock: when both sides are done, the next one may come. */
static void leave(struct backups *backups) {
	if (!backups->has_thread && backups->client == NULL) {
		free(backups->pipe);
		backups->pipe = NULL;
	}
}

/* Under the lock. */
static long read_locked(struct backups *backups, uint8_t *to, size_t size) {
	long count = (long)drain_pipe(backups, to, size);
	if (count != 0 || !(backups->over || backups->closed)) {
		return count;
	}
	if (!backups->complete) {
		return HTTP_STREAM_BROKEN;
	}
	backups->client = NULL;
	leave(backups);
	return HTTP_STREAM_END;
}

static long read_pipe(void *context, uint8_t *to, size_t size) {
	const struct client *client = context;
	struct backups *backups = client->backups;
	(void)pthread_mutex_lock(&backups->lock);
	bool reads = backups->client == client;
	long count = reads ? read_locked(backups, to, size) : HTTP_STREAM_END;
	(void)pthread_cond_signal(&backups->room);
	(void)pthread_mutex_unlock(&backups->lock);
	return count;
}

static void end_client(void *context) {
	struct client *client = context;
	struct backups *backups = client->backups;
	(void)pthread_mutex_lock(&backups->stream_lock);
	if (backups->stream == client->stream) {
		backups->stream = NULL;
	}
	(void)pthread_mutex_unlock(&backups->stream_lock);
	(void)pthread_mutex_lock(&backups->lock);
	if (backups->client == client) {
		backups->client = NULL;
		atomic_store(&backups->cancel, true);
		(void)pthread_cond_signal(&backups->room);
		leave(backups);
	}
	(void)pthread_mutex_unlock(&backups->lock);
	free(client);
}

/* --- the thread -------------------------------------------------------------------------------
 */

static void *run(void *context) {
	struct backups *backups = context;
	const struct snapshot snapshot = { .database = backups->m->settings->sqlite_path,
		.modules = backups->m->modules,
		.folder = backups->folder,
		.cancel = &backups->cancel };
	struct archive_writer writer = { .put = put, .context = backups };
	struct error err;
	uint64_t began = clock_ms();
	bool complete = snapshot_write(&snapshot, &writer, &err);
	if (complete) {
		log_info("a backup was made bytes=%llu ms=%llu", (unsigned long long)writer.written,
				(unsigned long long)(clock_ms() - began));
	} else {
		log_warn("a backup was not completed error=\"%s\"", err.message);
	}
	(void)pthread_mutex_lock(&backups->lock);
	backups->over = true;
	backups->complete = complete;
	backups->has_thread = false;
	leave(backups);
	(void)pthread_mutex_unlock(&backups->lock);
	wake(backups);
	return NULL;
}

/* --- the request ------------------------------------------------------------------------------
 */

/* Takes the one place there is. */
static bool claim(struct backups *backups, struct error *err) {
	(void)pthread_mutex_lock(&backups->lock);
	bool free_now = !backups->has_thread && backups->client == NULL && !backups->closed;
	bool join = free_now && backups->joinable;
	if (free_now) {
		backups->client = MEM_NEW(struct client);
		backups->client->backups = backups;
		backups->has_thread = true;
		backups->joinable = backups->over = backups->complete = false;
		backups->begin = backups->used = backups->pace_bytes = 0;
		backups->pace_ms = clock_ms();
		backups->pipe = mem_zero(BACKUP_PIPE_BYTES, 1);
		atomic_store(&backups->cancel, false);
	}
	(void)pthread_mutex_unlock(&backups->lock);
	if (join) {
		(void)pthread_join(backups->thread, NULL); /* it has nothing left to do */
	}
	return free_now ||
	       error_set(err, ERROR_BUSY, "a backup is being made already: one at a time");
}

static const struct http_response answer = { .status = 200,
	.type = "application/x-tar",
	.headers = { { "Cache-Control", "no-store" },
			{ "Content-Disposition", "attachment; filename=\"manager.backup\"" } } };

static void begin(struct backups *backups, struct http_request *request) {
	static const struct http_source source = { read_pipe, end_client };
	(void)pthread_mutex_lock(&backups->stream_lock);
	struct client *client = backups->client; /* ours: none comes before it is left */
	client->stream = http_reply_stream(request, &answer, &source, client);
	backups->stream = client->stream;
	(void)pthread_mutex_unlock(&backups->stream_lock);
	bool ok = pthread_create(&backups->thread, NULL, run, backups) == 0;
	(void)pthread_mutex_lock(&backups->lock);
	backups->joinable = ok;
	if (!ok) { /* its client gets an end without a beginning */
		log_error("no thread for a backup");
		backups->over = true;
		backups->has_thread = false;
	}
	(void)pthread_mutex_unlock(&backups->lock);
}

static long read_nothing(void *context, uint8_t *to, size_t size) {
	(void)context, (void)to, (void)size;
	return HTTP_STREAM_END;
}

static void end_nothing(void *context) {
	(void)context;
}

/* For HEAD: nobody would take the backup. */
static void describe(struct http_request *request) {
	static const struct http_source nothing = { read_nothing, end_nothing };
	(void)http_reply_stream(request, &answer, &nothing, NULL);
}

static bool may_begin(const struct backups *backups, struct error *err) {
	if (backups->folder == NULL) {
		return error_set(err, ERROR_UNSUPPORTED,
				"there is nothing to back up: MANAGER_STORAGE_TYPE is memory");
	}
	return snapshot_fits(
			backups->m->settings->sqlite_path, backups->m->settings->state_dir, err);
}

void api_backup(void *context, struct http_request *request) {
	struct manager *m = context;
	struct error err;
	bool asks = strcmp(http_method(request), "HEAD") == 0;
	if (!may_begin(m->backups, &err) || (!asks && !claim(m->backups, &err))) {
		http_reply_error(request, &err);
	} else if (asks) {
		describe(request);
	} else {
		begin(m->backups, request);
	}
}

/* --- its life ---------------------------------------------------------------------------------
 */

struct backups *backups_create(struct manager *m) {
	struct backups *backups = MEM_NEW(struct backups);
	pthread_condattr_t attributes;
	struct error err;
	backups->m = m;
	(void)pthread_mutex_init(&backups->lock, NULL);
	(void)pthread_mutex_init(&backups->stream_lock, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&backups->room, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	if (!str_equal(m->settings->storage, "memory")) {
		backups->folder = str_format("%s/backup", m->settings->state_dir);
		if (!snapshot_clear(backups->folder, &err)) {
			log_warn("what a backup has left cannot be removed error=\"%s\"",
					err.message);
		}
	}
	return backups;
}

void backups_close(struct backups *backups) {
	(void)pthread_mutex_lock(&backups->lock);
	backups->closed = true;
	atomic_store(&backups->cancel, true);
	(void)pthread_cond_signal(&backups->room);
	(void)pthread_mutex_unlock(&backups->lock);
	wake(backups);
}

void backups_destroy(struct backups *backups) {
	if (backups == NULL) {
		return;
	}
	if (backups->joinable) {
		(void)pthread_join(backups->thread, NULL);
	}
	(void)pthread_cond_destroy(&backups->room);
	(void)pthread_mutex_destroy(&backups->lock);
	(void)pthread_mutex_destroy(&backups->stream_lock);
	free(backups->pipe);
	free(backups->folder);
	free(backups);
}
