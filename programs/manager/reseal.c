/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/reseal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum { STEP_TASKS = 50, STEP_MS = 10, TELL_MS = 10000 };

struct resealing {
	struct reseal rows;
	bool rows_ended, told;
	uint64_t next_tell_ms;
	/* The thread's. */
	struct modules *modules;
	pthread_t thread;
	_Atomic bool stop, files_ended;
	_Atomic size_t files_left; /* that cannot be read, or written */
};

/* --- files --------------------------------------------------------------------------------- */

static void add_stale(void *context, const char *digest) {
	strings_add(context, digest);
}

static void reseal_file(struct resealing *resealing, const char *digest, size_t *done) {
	struct error err;
	bool written = false;
	if (modules_reseal(resealing->modules, digest, &written, &err)) {
		*done += written;
	} else if (err.code != ERROR_NOT_FOUND) { /* its task went meanwhile */
		resealing->files_left++;
		log_error("a module file cannot be sealed anew digest=%s error=\"%s\"", digest,
				err.message);
	}
}

static void *reseal_files(void *context) {
	struct resealing *resealing = context;
	struct strings digests = { 0 };
	struct error err;
	size_t done = 0, i = 0;
	uint64_t next_tell = clock_ms() + TELL_MS;
	if (!modules_each(resealing->modules, add_stale, &digests, &err)) {
		resealing->files_left++;
		log_error("module files cannot be looked for error=\"%s\"", err.message);
	}
	for (; i < digests.count && !resealing->stop; i++) {
		reseal_file(resealing, digests.items[i], &done);
		if (clock_ms() >= next_tell) {
			next_tell += TELL_MS;
			log_info("sealing module files anew looked_at=%zu of=%zu sealed=%zu", i + 1,
					digests.count, done);
		}
	}
	if (done != 0) {
		log_info("module files were sealed anew count=%zu", done);
	}
	resealing->files_ended = i == digests.count;
	strings_finish(&digests);
	return NULL;
}

/* --- rows ---------------------------------------------------------------------------------- */

/* Operators wait for this line before they take an old key away. */
static void tell_end(struct resealing *resealing) {
	bool ended = resealing->rows_ended && resealing->files_ended;
	if (!ended || resealing->told) {
		return;
	}
	resealing->told = true;
	if (resealing->rows.left == 0 && resealing->files_left == 0) {
		log_info("all that is kept is sealed with the first workload key, others can go");
		return;
	}
	log_error("not all that is kept could be sealed with the first workload key, the others "
		  "have to stay tasks=%llu files=%zu error=\"%s\"",
			(unsigned long long)resealing->rows.left, (size_t)resealing->files_left,
			resealing->rows.left != 0 ? resealing->rows.why.message : "see above");
}

static void end_rows(struct resealing *resealing) {
	resealing->rows_ended = true;
	if (resealing->rows.done != 0) {
		log_info("tasks were sealed anew count=%llu",
				(unsigned long long)resealing->rows.done);
	}
}

static void step(struct manager *m, struct resealing *resealing) {
	struct error err;
	struct reseal *rows = &resealing->rows;
	if (!manager_write(m) ||
			!manager_wrote(m, store_reseal(m->store, STEP_TASKS, rows, &err), &err)) {
		return;
	}
	if (m->now_ms >= resealing->next_tell_ms) {
		resealing->next_tell_ms = m->now_ms + TELL_MS;
		log_info("sealing tasks anew so_far=%llu", (unsigned long long)rows->done);
	}
	if (rows->cursor == 0 && rows->left != 0) {
		end_rows(resealing);
	}
}

void reseal_tick(struct manager *m) {
	struct resealing *resealing = m->resealing;
	if (resealing == NULL || resealing->told || m->failed || m->now_ms < m->next_reseal_ms) {
		return;
	}
	m->next_reseal_ms = m->now_ms + STEP_MS;
	if (!resealing->rows_ended && !store_stale(m->store)) {
		end_rows(resealing);
	}
	if (!resealing->rows_ended) {
		step(m, resealing);
		return;
	}
	tell_end(resealing);
	m->next_reseal_ms = resealing->told ? UINT64_MAX : m->now_ms + 10 * STEP_MS;
}

void reseal_again(struct manager *m) {
	struct resealing *resealing = m->resealing;
	if (resealing != NULL && !resealing->rows_ended) {
		resealing->rows = (struct reseal){ 0 };
		m->next_reseal_ms = m->now_ms + TELL_MS; /* a full disk needs a moment */
	}
}

/* --- both ---------------------------------------------------------------------------------- */

void reseal_begin(struct manager *m) {
	m->next_reseal_ms = UINT64_MAX;
	if (m->ring == NULL) {
		return;
	}
	struct resealing *resealing = MEM_NEW(struct resealing);
	resealing->modules = m->modules;
	resealing->next_tell_ms = clock_ms() + TELL_MS;
	m->resealing = resealing;
	m->next_reseal_ms = 0;
	if (pthread_create(&resealing->thread, NULL, reseal_files, resealing) != 0) {
		log_error("no thread for sealing module files anew, others keep their keys");
		free(resealing);
		m->resealing = NULL;
	}
}

void reseal_end(struct manager *m) {
	if (m->resealing != NULL) {
		m->resealing->stop = true;
		(void)pthread_join(m->resealing->thread, NULL);
		free(m->resealing);
		m->resealing = NULL;
	}
}
