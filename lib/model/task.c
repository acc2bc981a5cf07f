/* SPDX-License-Identifier: Apache-2.0 */
#include "model/task.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/member.h"
#include "model/message.h"
#include "model/restart.h"

enum { METADATA_MAX = 1024 * 1024, PRIORITY_DEFAULT = 50, SHORT_RESULTS_MAX = 4096 };

static const char *const state_names[] = {
	[TASK_PENDING] = "Pending",
	[TASK_SCHEDULED] = "Scheduled",
	[TASK_RUNNING] = "Running",
	[TASK_COMPLETED] = "Completed",
	[TASK_FAILED] = "Failed",
	[TASK_SKIPPED] = "Skipped",
	[TASK_INTERRUPTED] = "Interrupted",
};

const char *task_state_name(enum task_state state) {
	return state_names[state];
}

bool task_state_final(enum task_state state) {
	static const bool finals[] = {
#define STATE(name, number, final) [TASK_##name] = (final),
#define MOVE(from, to)
#include "spec/states.def"
#undef STATE
#undef MOVE
	};
	return finals[state];
}

bool task_state_may(enum task_state from, enum task_state to) {
	static const struct {
		enum task_state from, to;
	} moves[] = {
#define STATE(name, number, final)
#define MOVE(from, to) { TASK_##from, TASK_##to },
#include "spec/states.def"
#undef STATE
#undef MOVE
	};
	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		if (moves[i].from == from && moves[i].to == to) {
			return true;
		}
	}
	return false;
}

struct task *task_create(void) {
	struct task *task = MEM_NEW(struct task);
	workload_init(&task->work);
	task->priority = PRIORITY_DEFAULT;
	task->restart_limit = RESTART_LIMIT_DEFAULT;
	return task;
}

void task_destroy(struct task *task) {
	if (task == NULL) {
		return;
	}
	workload_finish(&task->work);
	free(task->pinned);
	strings_finish(&task->needs.tags);
	free(task->needs.space);
	free(task->file_shown);
	json_decref(task->metadata);
	free(task->at.proplet_id);
	outcome_finish(&task->outcome);
	free(task);
}

/* Fields that Propeller has and that are not run yet, with the value that asks for nothing. */
static bool asks_nothing(const json_t *value) {
	return value == NULL || json_is_null(value) || json_is_false(value) ||
	       (json_is_string(value) && json_string_length(value) == 0) ||
	       (json_is_array(value) && json_array_size(value) == 0) ||
	       (json_is_object(value) && json_object_size(value) == 0);
}

static bool refuse_unsupported(const json_t *object, struct error *err) {
	static const char *const names[] = { "schedule", "is_recurring", "timezone", "latent",
		"depends_on", "run_if", "broadcast", "mode", "workflow_id", "job_id", "encrypted",
		"kbs_resource_path", "hal_storage_path" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!asks_nothing(json_object_get(object, names[i]))) {
			return error_set(err, ERROR_UNSUPPORTED,
					       "field \"%s\" asks for what this manager does not "
					       "run yet; "
					       "leave it out",
					       names[i]) ||
			       error_in(err, names[i]);
		}
	}
	return true;
}

static bool read_kind(struct task *task, const json_t *object, struct error *err) {
	const json_t *kind = json_object_get(object, "kind");
	(void)task;
	const char *name = json_string_value(kind);
	if (kind == NULL || json_is_null(kind) || str_equal(name, "") ||
			str_equal(name, "standard")) {
		return true;
	}
	return error_set(err, ERROR_UNSUPPORTED,
			       "field \"kind\": only \"standard\" is run yet; leave it out") ||
	       error_in(err, "kind");
}

static bool read_pinned(struct task *task, const json_t *object, struct error *err) {
	if (!member_text(object, "proplet_id", MESSAGE_ID_MAX, &task->pinned, err)) {
		return false;
	}
	if (task->pinned != NULL && task->pinned[0] == 0) {
		str_set(&task->pinned, NULL);
	}
	return true;
}

static bool read_metadata(struct task *task, const json_t *object, struct error *err) {
	if (!member_object(object, "metadata", &task->metadata, err)) {
		return false;
	}
	if (task->metadata != NULL &&
			json_dumpb(task->metadata, NULL, 0, JSON_COMPACT) > METADATA_MAX) {
		return error_set(err, ERROR_INVALID, "metadata exceeds 1MB limit") ||
		       error_in(err, "metadata");
	}
	return true;
}

static bool read_priority(struct task *task, const json_t *object, struct error *err) {
	uint64_t priority = (uint64_t)task->priority;
	if (!member_u64(object, "priority", 0, 100, &priority, err)) {
		return error_wrap(err, "priority must be between 0 and 100");
	}
	task->priority = (int64_t)priority;
	return true;
}

static bool read_tags(struct task *task, const json_t *object, struct error *err) {
	return member_strings(object, "required_tags", false, &task->needs.tags, err);
}

static bool read_space(struct task *task, const json_t *object, struct error *err) {
	if (!member_text(object, "namespace", MESSAGE_ID_MAX, &task->needs.space, err)) {
		return false;
	}
	if (task->needs.space != NULL && task->needs.space[0] == 0) {
		str_set(&task->needs.space, NULL);
	}
	return true;
}

static bool read_memory(struct task *task, const json_t *object, struct error *err) {
	return member_u64(object, "min_memory_bytes", 0, INT64_MAX, &task->needs.memory_bytes, err);
}

static bool read_restart(struct task *task, const json_t *object, struct error *err) {
	CLEANUP(mem_freep) char *name = NULL;
	if (!member_text(object, "restart", 16, &name, err)) {
		return false;
	}
	return name == NULL || restart_parse(name, &task->restart) ||
	       member_refuse(err, "restart", "\"%s\" is none of never, on-failure, always", name);
}

static bool read_restart_limit(struct task *task, const json_t *object, struct error *err) {
	return member_u64(object, "restart_limit", 1, RESTART_LIMIT_MAX, &task->restart_limit, err);
}

static bool (*const readers[])(struct task *task, const json_t *object, struct error *err) = {
	read_kind,
	read_pinned,
	read_metadata,
	read_priority,
	read_tags,
	read_space,
	read_memory,
	read_restart,
	read_restart_limit,
};

static bool read_fields(struct task *task, const json_t *object, struct error *err) {
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		if (!readers[i](task, object, err)) {
			return false;
		}
	}
	return true;
}

/* An upload brings its own digest; an image's may be given, to be held to it. */
static bool read_work(struct workload *work, const json_t *object, struct error *err) {
	char digest[DIGEST_HEX_SIZE];
	uint64_t size = work->module_size;
	bool new_image = !asks_nothing(json_object_get(object, "image_url"));
	memcpy(digest, new_image ? (char[DIGEST_HEX_SIZE]){ 0 } : work->digest, sizeof(digest));
	bool ok = workload_read(work, object, err);
	bool given = work->image_url != NULL && !asks_nothing(json_object_get(object, "digest"));
	work->module_size = new_image ? 0 : size;
	if (!given) {
		memcpy(work->digest, digest, sizeof(digest));
	}
	return ok;
}

bool task_read(struct task *task, const json_t *object, bool update, struct error *err) {
	if (!refuse_unsupported(object, err)) {
		return false;
	}
	bool ok = read_fields(task, object, err) && read_work(&task->work, object, err);
	if (ok && !update && task->work.name == NULL) {
		return error_set(err, ERROR_INVALID,
				       "missing identity name: a task needs a \"name\"") ||
		       error_in(err, "name");
	}
	return ok;
}

static void write_needs(const struct requirements *needs, json_t *object) {
	if (needs->tags.count != 0) {
		json_object_set_new(object, "required_tags", member_list(&needs->tags));
	}
	member_put_text(object, "namespace", needs->space);
	if (needs->memory_bytes != 0) {
		member_put_u64(object, "min_memory_bytes", needs->memory_bytes);
	}
}

/* What clients may say, and what never changes while a task runs. */
static void write_asked(const struct task *task, json_t *object) {
	workload_write(&task->work, object);
	member_put_text(object, "proplet_id", task->pinned);
	write_needs(&task->needs, object);
	if (task->restart != RESTART_NEVER) {
		member_put_text(object, "restart", restart_name(task->restart));
		member_put_u64(object, "restart_limit", task->restart_limit);
	}
	member_put_u64(object, "priority", (uint64_t)task->priority);
	if (task->metadata != NULL) {
		json_object_set(object, "metadata", task->metadata);
	}
	member_put_text(object, "file", task->file_shown);
}

static void write_moving(const struct task *task, json_t *object) {
	member_put_time(object, "start_time", task->start_time);
	member_put_time(object, "finish_time", task->finish_time);
	member_put_time(object, "created_at", task->created_at);
	member_put_time(object, "updated_at", task->updated_at);
	member_put_u64(object, "attempt", task->attempt);
	if (task->queued) {
		json_object_set_new(object, "queued", json_true());
	}
	if (task->stopping) {
		json_object_set_new(object, "stopping", json_true());
	}
	if (task->restarts != 0) {
		member_put_u64(object, "restarts", task->restarts);
	}
	if (task->due_at != 0) {
		member_put_time(object, "restart_at", task->due_at);
	}
	if (task->pinned == NULL) {
		member_put_text(object, "proplet_id",
				task->at.proplet_id); /* where it was placed */
	}
}

static json_t *view(const struct task *task) {
	json_t *object = json_object();
	member_put_text(object, "id", task->id);
	member_put_text(object, "kind", "standard");
	member_put_u64(object, "state", (uint64_t)task->state);
	write_asked(task, object);
	json_object_set_new(object, "encrypted", json_false());
	member_put_time(object, "next_run", 0);
	write_moving(task, object);
	return object;
}

void task_as_created(struct task *task) {
	task->state = TASK_PENDING;
	task->attempt = task->restarts = 0;
	task->queued = task->stopping = false;
	task->start_time = task->finish_time = task->due_at = 0;
	task->updated_at = task->created_at;
	free(task->at.proplet_id);
	task->at = (struct task_address){ 0 };
	outcome_finish(&task->outcome);
}

/* What has ended has these, if only empty. */
static void set_default(json_t *object, const char *name) {
	if (json_object_get(object, name) == NULL) {
		json_object_set_new(object, name, json_string(""));
	}
}

json_t *task_view(const struct task *task, const struct move *moves, size_t count) {
	json_t *object = view(task);
	outcome_write(&task->outcome, object);
	if (task_state_final(task->state)) {
		set_default(object, "results");
		set_default(object, "stdout");
		set_default(object, "stderr");
	}
	if (moves == NULL) {
		return object;
	}
	json_t *history = json_array();
	for (size_t i = 0; i < count; i++) {
		json_t *row = json_object();
		member_put_time(row, "at", moves[i].at);
		member_put_u64(row, "state", (uint64_t)moves[i].state);
		member_put_u64(row, "attempt", moves[i].attempt);
		member_put_text(row, "cause", moves[i].cause);
		json_array_append_new(history, row);
	}
	json_object_set_new(object, "history", history);
	return object;
}

json_t *task_view_short(const struct task *task) {
	json_t *object = view(task);
	const struct outcome *outcome = &task->outcome;
	if (outcome->results != NULL && json_string_length(outcome->results) <= SHORT_RESULTS_MAX) {
		json_object_set(object, "results", outcome->results);
	}
	if (outcome->exited) {
		json_object_set_new(object, "exit_code", json_integer(outcome->exit_code));
	}
	member_put_text(object, "error", outcome->error);
	return object;
}

json_t *task_save(const struct task *task) {
	json_t *object = json_object();
	write_asked(task, object);
	json_object_set_new(object, "default_limits", json_boolean(task->work.default_limits));
	return object;
}

bool task_load(struct task *task, const json_t *saved, struct error *err) {
	if (!workload_read(&task->work, saved, err) ||
			!member_bool(saved, "default_limits", &task->work.default_limits, err) ||
			!member_text(saved, "file", 64, &task->file_shown, err) ||
			!read_fields(task, saved, err)) {
		return error_wrap(err, "a stored task");
	}
	return true;
}
