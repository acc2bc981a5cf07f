/* SPDX-License-Identifier: Apache-2.0 */
/* Who runs it: a row of checks that a worker has to pass, then score (running, free memory). */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "manager/tasks.h"
#include "manager/workers.h"

enum { SLOTS_DEFAULT = 1024, EXPLAINED_MAX = 1000 };

static uint64_t slots_of(const struct proplet *proplet) {
	return proplet->slots != 0 ? proplet->slots : SLOTS_DEFAULT;
}

/* --- the checks --------------------------------------------------------------------------------
 * Each takes a worker, and for people says in words what is wrong with it: "proplet X ...".
 */

struct candidate {
	const struct proplet *proplet;
	const struct task *task;
	uint64_t now_ms;
	bool sealed, allow_v1; /* there is a workload key; and what it allows */
};

static struct candidate candidate_of(
		const struct manager *m, const struct proplet *proplet, const struct task *task) {
	return (struct candidate){ proplet, task, m->now_ms, m->ring != NULL,
		m->settings->allow_v1 };
}

static bool is_alive(const struct candidate *c) {
	return proplet_alive(c->proplet, c->now_ms);
}

static char *not_alive(const struct candidate *c) {
	if (c->proplet->offline) {
		return str_copy("is not alive: it said that it goes offline");
	}
	if (!c->proplet->heard) {
		return str_copy("is not alive: nothing was heard of it since the manager began");
	}
	return str_format("is not alive: nothing was heard of it for %llu s",
			(unsigned long long)((c->now_ms - c->proplet->heard_ms) / 1000));
}

static bool has_engine(const struct candidate *c) {
	return proplet_has_engine(c->proplet, c->task->work.engine);
}

static char *no_engine(const struct candidate *c) {
	return str_format("does not offer engine %s", c->task->work.engine);
}

/* A limit that a worker does not know is none. */
static bool counts_gas(const struct candidate *c) {
	return c->task->work.limits.gas == 0 || c->proplet->counts_gas;
}

static char *no_gas(const struct candidate *c) {
	(void)c;
	return str_copy("does not count gas, for which limits.gas asks: it is an earlier version "
			"or not one of ours");
}

static bool in_namespace(const struct candidate *c) {
	return c->task->needs.space == NULL || str_equal(c->task->needs.space, c->proplet->space);
}

static char *elsewhere(const struct candidate *c) {
	return str_format("is in namespace %s, not in %s", c->proplet->space, c->task->needs.space);
}

static bool has_tag(const struct proplet *proplet, const char *tag) {
	const json_t *tags = json_object_get(proplet->metadata, "tags"), *have;
	size_t i;
	json_array_foreach((json_t *)(uintptr_t)tags, i, have) {
		if (json_is_string(have) && str_equal(json_string_value(have), tag)) {
			return true;
		}
	}
	return false;
}

static const char *missing_tag(const struct candidate *c) {
	const struct strings *tags = &c->task->needs.tags;
	for (size_t i = 0; i < tags->count; i++) {
		if (!has_tag(c->proplet, tags->items[i])) {
			return tags->items[i];
		}
	}
	return NULL;
}

static bool has_tags(const struct candidate *c) {
	return missing_tag(c) == NULL;
}

static char *no_tag(const struct candidate *c) {
	return str_format("does not have the tag \"%s\"", missing_tag(c));
}

/* What the guest may use at most has to exist; whoever keeps the default limit did not ask. */
static bool memory_exists(const struct candidate *c) {
	uint64_t limit = c->task->work.limits.memory_bytes, total = c->proplet->memory_bytes;
	bool limit_fits = limit == WORKLOAD_MEMORY_DEFAULT || limit <= total;
	return total == 0 || (limit_fits && c->task->needs.memory_bytes <= total);
}

static char *no_such_memory(const struct candidate *c) {
	const struct task *task = c->task;
	bool needs = task->needs.memory_bytes > c->proplet->memory_bytes;
	return str_format("has %llu bytes of memory, %s %llu",
			(unsigned long long)c->proplet->memory_bytes,
			needs ? "min_memory_bytes is" : "limits.memory_bytes asks for",
			(unsigned long long)(needs ? task->needs.memory_bytes
						   : task->work.limits.memory_bytes));
}

static bool has_memory(const struct candidate *c) {
	uint64_t free_bytes = c->proplet->memory_free_bytes;
	uint64_t known = free_bytes != 0 ? free_bytes : c->proplet->memory_bytes;
	return c->task->needs.memory_bytes == 0 || known >= c->task->needs.memory_bytes;
}

static char *no_memory(const struct candidate *c) {
	return str_format("has %llu bytes of free memory, min_memory_bytes is %llu",
			(unsigned long long)c->proplet->memory_free_bytes,
			(unsigned long long)c->task->needs.memory_bytes);
}

/* Workers that are not ours take modules only inside the start message. */
static bool can_be_sent(const struct candidate *c) {
	return c->proplet->ours || c->task->work.image_url != NULL ||
	       c->task->work.module_size <= DISPATCH_INLINE_MAX;
}

static char *too_large(const struct candidate *c) {
	return str_format("takes modules only inside the start message, up to %d bytes; this one "
			  "has %llu: put it where the worker can fetch it and name that in "
			  "\"image_url\", or start a worker that takes modules in chunks",
			DISPATCH_INLINE_MAX, (unsigned long long)c->task->work.module_size);
}

/* The message that it would get; all is borrowed. */
static bool check_chip(const struct candidate *c, struct error *err) {
	struct command start = { .proplet_id = c->proplet->id, .work = c->task->work };
	memcpy(start.task_id, c->task->id, sizeof(start.task_id));
	return command_check_chip(&start, err);
}

static bool fits_chip(const struct candidate *c) {
	struct error ignored;
	return !proplet_is_chip(c->proplet) || check_chip(c, &ignored);
}

static char *not_for_chips(const struct candidate *c) {
	struct error err;
	(void)!check_chip(c, &err);
	return str_format("is a chip: it %s", err.message);
}

/* With a workload key nothing leaves that is not sealed. */
static bool can_be_sealed_for(const struct candidate *c) {
	return !c->sealed || c->proplet->ours || c->allow_v1;
}

static char *not_sealable(const struct candidate *c) {
	(void)c;
	return str_copy("is an old worker: with MANAGER_WORKLOAD_KEY it gets nothing, unless "
			"MANAGER_WORKLOAD_ALLOW_V1 is true");
}

static bool has_slot(const struct candidate *c) {
	return c->proplet->running < slots_of(c->proplet);
}

static char *is_busy(const struct candidate *c) {
	return str_format("is busy: all of its %llu slots are taken",
			(unsigned long long)slots_of(c->proplet));
}

static const struct check {
	bool (*passes)(const struct candidate *candidate);
	char *(*words)(const struct candidate *candidate);
	/* For a task that finds nobody, or is pinned to this one: CONFLICT where the task asks for
	 * what its workers will never have, UNAVAILABLE where they may have it in a moment. */
	enum error_code code;
} checks[] = {
	{ is_alive, not_alive, ERROR_UNAVAILABLE },
	{ has_engine, no_engine, ERROR_CONFLICT },
	{ counts_gas, no_gas, ERROR_CONFLICT },
	{ in_namespace, elsewhere, ERROR_CONFLICT },
	{ has_tags, no_tag, ERROR_CONFLICT },
	{ memory_exists, no_such_memory, ERROR_CONFLICT },
	{ has_memory, no_memory, ERROR_UNAVAILABLE },
	{ can_be_sent, too_large, ERROR_TOO_LARGE },
	{ fits_chip, not_for_chips, ERROR_UNSUPPORTED },
	{ can_be_sealed_for, not_sealable, ERROR_UNSUPPORTED },
	{ has_slot, is_busy, ERROR_BUSY },
};

enum { CHECKS = sizeof(checks) / sizeof(checks[0]), CHECK_SLOT = CHECKS - 1 };

/* The first check that it does not pass, or CHECKS. */
static size_t examine(const struct candidate *candidate) {
	size_t i = 0;
	while (i < CHECKS && checks[i].passes(candidate)) {
		i++;
	}
	return i;
}

bool place_is_easy(const struct task *task) {
	return task->pinned == NULL && task->work.engine == NULL && task->needs.space == NULL &&
	       task->needs.tags.count == 0 && task->needs.memory_bytes == 0 &&
	       task->work.limits.memory_bytes == WORKLOAD_MEMORY_DEFAULT &&
	       task->work.limits.gas == 0;
}

/* --- the choice --------------------------------------------------------------------------------
 */

static bool better(const struct proplet *a, const struct proplet *b) {
	if (b == NULL || a->verified != b->verified) {
		return b == NULL || a->verified; /* without a key nobody is */
	}
	if (a->running != b->running) {
		return a->running < b->running;
	}
	return a->memory_free_bytes > b->memory_free_bytes;
}

static struct worker *place_pinned(
		struct manager *m, const struct task *task, bool *busy, struct error *err) {
	struct worker *worker = workers_find(m, task->pinned);
	if (worker == NULL) {
		error_set(err, ERROR_CONFLICT,
				"there is no proplet %s, to which the task is pinned",
				task->pinned);
		return NULL;
	}
	const struct candidate candidate = candidate_of(m, worker->proplet, task);
	size_t failed = examine(&candidate);
	*busy = failed == CHECK_SLOT;
	if (failed < CHECK_SLOT) {
		CLEANUP(mem_freep) char *words = checks[failed].words(&candidate);
		error_set(err, checks[failed].code, "proplet %s, to which the task is pinned, %s",
				task->pinned, words);
	}
	return failed == CHECKS ? worker : NULL;
}

/* How far the workers came: the best, and whoever failed last. */
struct choice {
	struct worker *best;
	const struct proplet *closest;
	size_t failed; /* the check at which the closest one failed */
	bool busy;
};

static void consider(struct choice *choice, struct worker *worker, const struct candidate *c) {
	size_t failed = examine(c);
	if (failed == CHECKS) {
		bool first = choice->best == NULL;
		if (better(c->proplet, first ? NULL : choice->best->proplet)) {
			choice->best = worker;
		}
	} else if (choice->closest == NULL || failed > choice->failed) {
		choice->closest = c->proplet;
		choice->failed = failed;
	}
	choice->busy = choice->busy || failed == CHECK_SLOT;
}

static struct choice choose(struct manager *m, const struct task *task) {
	struct choice choice = { 0 };
	const char *id;
	void *value;
	for (size_t at = 0; map_next(m->workers, &at, &id, &value);) {
		struct worker *worker = value;
		const struct candidate candidate = candidate_of(m, worker->proplet, task);
		consider(&choice, worker, &candidate);
	}
	return choice;
}

/* Why nobody can: the one that came closest says it best. */
static char *why_nobody(
		const struct manager *m, const struct task *task, const struct choice *choice) {
	if (choice->closest == NULL) {
		return str_copy("no worker has announced itself yet; start a proplet");
	}
	if (choice->failed == 0) {
		return str_copy("no worker is alive; start a proplet");
	}
	const struct candidate closest = candidate_of(m, choice->closest, task);
	CLEANUP(mem_freep) char *words = checks[choice->failed].words(&closest);
	return str_format("no live worker can run it; the closest one, proplet %s, %s",
			choice->closest->id, words);
}

struct worker *place(struct manager *m, const struct task *task, bool *busy, struct error *err) {
	*busy = false;
	if (task->pinned != NULL) {
		return place_pinned(m, task, busy, err);
	}
	struct choice choice = choose(m, task);
	*busy = choice.best == NULL && choice.busy;
	if (choice.best == NULL && !*busy) {
		CLEANUP(mem_freep) char *words = why_nobody(m, task, &choice);
		error_set(err,
				choice.closest != NULL ? checks[choice.failed].code
						       : ERROR_UNAVAILABLE,
				"%s", words);
	}
	return choice.best;
}

/* --- the choice in words -----------------------------------------------------------------------
 */

static char *verdict(const struct manager *m, const struct task *task,
		const struct proplet *proplet, size_t failed) {
	const struct candidate candidate = candidate_of(m, proplet, task);
	if (failed < CHECKS) {
		return checks[failed].words(&candidate);
	}
	CLEANUP(mem_freep) char *memory = str_size((double)proplet->memory_free_bytes);
	return str_format("can run it: %llu running, %s of memory free",
			(unsigned long long)proplet->running, memory);
}

static json_t *explain_worker(
		const struct manager *m, const struct task *task, const struct worker *worker) {
	const struct proplet *proplet = worker->proplet;
	const struct candidate candidate = candidate_of(m, proplet, task);
	size_t failed = examine(&candidate);
	bool other = task->pinned != NULL && !str_equal(task->pinned, proplet->id);
	CLEANUP(mem_freep)
	char *words = other ? str_format("is not %s, to which the task is pinned", task->pinned)
			    : verdict(m, task, proplet, failed);
	return json_pack("{s:s,s:b,s:s,s:I,s:I,s:I}", "proplet_id", proplet->id, "eligible",
			!other && failed == CHECKS, "reason", words, "running",
			(json_int_t)proplet->running, "slots", (json_int_t)slots_of(proplet),
			"memory_free_bytes", (json_int_t)proplet->memory_free_bytes);
}

/* In one sentence: where it is, or where it would go now and why. */
static char *summarise(struct manager *m, const struct task *task) {
	struct error err;
	bool busy;
	struct worker *best = place(m, task, &busy, &err);
	const char *now = task_state_name(task->state);
	if (task->state == TASK_SCHEDULED || task->state == TASK_RUNNING) {
		return str_format("%s on %s", now, task->at.proplet_id);
	}
	const char *waits = !task->queued       ? ""
			    : task->due_at != 0 ? "waits for its restart; "
						: "waits; ";
	if (best == NULL) {
		return str_format("%s: %s%s", now, waits,
				busy ? "everybody who could run it is busy" : err.message);
	}
	return str_format("%s: %swould go to %s: of those that can run it, it runs the fewest "
			  "tasks (%llu), then has the most free memory",
			now, waits, best->proplet->id, (unsigned long long)best->proplet->running);
}

json_t *place_explain(struct manager *m, const struct task *task) {
	const char *id;
	void *value;
	struct error err;
	bool busy;
	const struct worker *best = place(m, task, &busy, &err);
	bool live = task->state == TASK_SCHEDULED || task->state == TASK_RUNNING;
	json_t *workers = json_array();
	for (size_t at = 0; map_next(m->workers, &at, &id, &value) &&
			    json_array_size(workers) < EXPLAINED_MAX;) {
		json_array_append_new(workers, explain_worker(m, task, value));
	}
	CLEANUP(mem_freep) char *summary = summarise(m, task);
	return json_pack("{s:s,s:i,s:s?,s:s?,s:s,s:o}", "task_id", task->id, "state",
			(int)task->state, "proplet_id", live ? task->at.proplet_id : NULL,
			"next_proplet_id", best != NULL ? best->proplet->id : NULL, "summary",
			summary, "workers", workers);
}
