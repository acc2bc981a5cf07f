/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A task: a workload, who asked for it, and how far it has come. Its state moves only as
 * spec/states.def allows, and (attempt, state) never goes back.
 *
 * A task owns everything it points to. Pure: the caller brings time and ids.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/random.h"
#include "model/outcome.h"
#include "model/workload.h"

enum task_state {
#define STATE(name, number, final) TASK_##name = (number),
#define MOVE(from, to)
#include "spec/states.def"
#undef STATE
#undef MOVE
};

const char *task_state_name(enum task_state state); /* "Pending" */
bool task_state_final(enum task_state state);
bool task_state_may(enum task_state from, enum task_state to);

/* Where an attempt was sent: one boot of one worker, and its number among the commands to it. */
struct task_address {
	char *proplet_id;     /* NULL: nowhere */
	char boot[UUID_SIZE]; /* "" for a worker that announces none */
	uint64_t command;
};

/* What a worker must have to be chosen. */
struct requirements {
	struct strings tags;   /* all of them */
	char *space;           /* `namespace`; NULL: any */
	uint64_t memory_bytes; /* free; 0: any */
};

enum restart_policy { RESTART_NEVER, RESTART_ON_FAILURE, RESTART_ALWAYS };

struct task {
	char id[UUID_SIZE];
	struct workload work;
	char *pinned; /* `proplet_id`: the worker it must run on, or NULL */
	struct requirements needs;
	enum restart_policy restart; /* see restart.h */
	uint64_t restart_limit;      /* restarts in a row */
	char *file_shown; /* `file` as answers show it (Propeller's redaction), or NULL */
	json_t *metadata; /* an object, or NULL */
	int64_t priority; /* 0..100, 50 */
	int64_t created_at, updated_at, start_time, finish_time; /* wall ns; 0: not yet */

	enum task_state state;
	uint64_t attempt;       /* 0: never started */
	bool queued;            /* Pending, and waits for a free worker or for its time */
	uint64_t restarts;      /* in a row, since a user started it */
	int64_t due_at;         /* wall ns: when a restart is due; 0: at once */
	bool stopping;          /* a user asked for its stop, the worker has not ended it yet */
	struct task_address at; /* of the current attempt */
	struct outcome outcome; /* of the current attempt, once it is final */
};

struct task *task_create(void); /* never NULL; Pending, defaults, no id */
void task_destroy(struct task *task);
static inline void task_destroyp(struct task **task) {
	task_destroy(*task);
}

/*
 * What a client may say about a task, from its JSON. For a new one `name` is required; for an
 * update only what is there changes. What is not run yet (schedule, latent, depends_on, broadcast,
 * mode, kind federated, encrypted, ...) is ERROR_UNSUPPORTED. An error says its
 * place. The `file` member is not looked at (uploads are streamed before).
 */
bool task_read(struct task *task, const json_t *object, bool update, struct error *err) MUST_CHECK;

/* One move of one task: what history shows. */
struct move {
	int64_t at; /* wall ns */
	enum task_state state;
	uint64_t attempt;
	char *cause; /* "placed on edge-1", owned by who owns the move */
};

/* Everything that has moved since it was created is as it was then. */
void task_as_created(struct task *task);
/* The full view, as the API answers. `moves` may be NULL (then no `history`). */
json_t *task_view(const struct task *task, const struct move *moves, size_t count);
/* The view in lists: no history, stdout, stderr; results only up to a few KiB. */
json_t *task_view_short(const struct task *task);

/* For the store: everything of a task that does not change while it runs, and back. */
json_t *task_save(const struct task *task);
bool task_load(struct task *task, const json_t *saved, struct error *err) MUST_CHECK;
