/* SPDX-License-Identifier: Apache-2.0 */
/* The messages that carry attempts to workers: to ours numbered and by digest, to others as
 * Propeller sends them, with the module inline. */
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/log.h"
#include "base/mem.h"
#include "manager/keys.h"
#include "manager/tasks.h"
#include "seal/v1.h"

static void fill(struct command *command, enum command_kind kind, const struct task *task) {
	*command = (struct command){
		.kind = kind, .number = task->at.command, .attempt = task->attempt
	};
	memcpy(command->boot, task->at.boot, sizeof(command->boot));
	memcpy(command->task_id, task->id, sizeof(command->task_id));
	command->proplet_id = str_copy(task->at.proplet_id);
	workload_copy(&command->work, &task->work);
}

/* In Propeller's form: the checksum is that of the envelope. */
static char *seal_inline(const struct manager *m, struct bytes module,
		char checksum[DIGEST_HEX_SIZE], struct error *err) {
	struct buf envelope = BUF_INIT(module.size + SEAL_V1_OVERHEAD_BYTES);
	bool ok = seal_v1_box(m->ring, module, &envelope, checksum, err);
	char *text = ok ? base64_encode(envelope.data, envelope.size) : NULL;
	buf_finish(&envelope);
	return text;
}

/* The module in base64, or NULL with err. */
static char *inline_module(struct manager *m, const struct task *task,
		char checksum[DIGEST_HEX_SIZE], struct error *err) {
	CLEANUP(module_file_closep)
	struct module_file *file = modules_open_file(m->modules, task->work.digest, err);
	if (file == NULL) {
		return NULL;
	}
	CLEANUP(buf_finish) struct buf module = BUF_INIT((size_t)module_file_size(file));
	if (!module_file_read(file, &module, err)) {
		return NULL;
	}
	return m->ring != NULL ? seal_inline(m, (struct bytes){ module.data, module.size },
						 checksum, err)
			       : base64_encode(module.data, module.size);
}

/* The start in the old form with all that it needs, or NULL with err. */
static char *encode_old(struct manager *m, struct command *command, const struct task *task,
		struct error *err) {
	if (task->work.image_url == NULL) {
		command->file = inline_module(m, task, command->checksum, err);
		if (command->file == NULL) {
			return NULL;
		}
	}
	char *text = command_encode_old(command, TASK_PENDING);
	size_t size = strlen(text);
	if (size > DISPATCH_OLD_MAX) {
		free(text);
		error_set(err, ERROR_TOO_LARGE,
				"the start message for this worker would have %zu bytes, it takes "
				"up to %d: name the module in \"image_url\", or shorten inputs, "
				"cli_args and env",
				size, DISPATCH_OLD_MAX);
		return NULL;
	}
	return text;
}

static void fail(struct manager *m, struct live *live, const struct error *err) {
	log_warn("a task cannot be sent id=%s error=\"%s\"", live->task->id, err->message);
	str_set(&live->task->outcome.error, err->message);
	(void)tasks_go(m, live, TASK_FAILED, "it cannot be sent to this worker");
}

static void start_old(struct manager *m, struct live *live) {
	struct command command;
	struct error err;
	struct task *task = live->task;
	fill(&command, COMMAND_START, task);
	command.chip = proplet_is_chip(live->worker->proplet);
	char *text = encode_old(m, &command, task, &err);
	if (text != NULL) {
		manager_post(m, str_copy(m->topics.start), text);
	} else {
		fail(m, live, &err);
	}
	command_finish(&command);
}

void dispatch_post(struct manager *m, const char *worker, const struct command *command) {
	char *text = keys_seal_command(m, worker, command_encode(command));
	if (text != NULL) {
		manager_post(m, topics_command(&m->topics, worker), text);
	}
}

/* A module that nobody here can open, for the want of its key say, is better said now than by a
 * worker that asks for it in vain. One that is not there, or not now, is the worker's to find. */
static bool can_be_had(struct manager *m, const struct task *task, struct error *err) {
	if (task->work.image_url != NULL || m->modules == NULL) {
		return true;
	}
	CLEANUP(module_file_closep)
	struct module_file *file = modules_open_file(m->modules, task->work.digest, err);
	return file != NULL || (err->code != ERROR_KEY_MISMATCH && err->code != ERROR_INTEGRITY);
}

void dispatch_start(struct manager *m, struct live *live) {
	struct command command;
	struct error err;
	const struct task *task = live->task;
	if (task->at.boot[0] == 0) {
		start_old(m, live);
		return;
	}
	if (!can_be_had(m, task, &err)) {
		fail(m, live, &err);
		return;
	}
	fill(&command, COMMAND_START, task);
	dispatch_post(m, task->at.proplet_id, &command);
	command_finish(&command);
}

void dispatch_stop(struct manager *m, struct live *live) {
	struct command command;
	const struct task *task = live->task;
	fill(&command, COMMAND_STOP, task);
	if (task->at.boot[0] == 0) {
		manager_post(m, str_copy(m->topics.stop),
				command_encode_old(&command, (int)task->state));
	} else {
		dispatch_post(m, task->at.proplet_id, &command);
	}
	command_finish(&command);
}

void dispatch_stop_stray(struct manager *m, struct worker *worker, const struct attempt_ref *ref) {
	struct command command = { .kind = COMMAND_STOP, .attempt = ref->attempt };
	memcpy(command.boot, worker->proplet->boot, sizeof(command.boot));
	memcpy(command.task_id, ref->task_id, sizeof(command.task_id));
	dispatch_post(m, worker->proplet->id, &command);
}
