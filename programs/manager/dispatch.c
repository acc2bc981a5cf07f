/* SPDX-License-Identifier: Apache-2.0 */
/* The messages that carry attempts to workers: to ours numbered and by digest, to others as
 * Propeller sends them, with the module inline. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/file.h"
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

static bool read_module(int fd, uint64_t size, uint8_t *bytes, struct error *err) {
	for (uint64_t at = 0; at < size;) {
		ssize_t got = pread(fd, bytes + at, size - at, (off_t)at);
		if (got <= 0) {
			return error_errno(err, got < 0 ? errno : EIO, "reading the module file");
		}
		at += (uint64_t)got;
	}
	return true;
}

/* In Propeller's form: the checksum is that of the envelope. */
static char *seal_inline(const struct manager *m, const uint8_t *bytes, uint64_t size,
		char checksum[DIGEST_HEX_SIZE], struct error *err) {
	struct buf envelope = BUF_INIT((size_t)size + SEAL_V1_OVERHEAD_BYTES);
	bool ok = seal_v1_box(
			m->ring, (struct bytes){ bytes, (size_t)size }, &envelope, checksum, err);
	char *text = ok ? base64_encode(envelope.data, envelope.size) : NULL;
	buf_finish(&envelope);
	return text;
}

/* The module in base64, or NULL with err. */
static char *inline_module(struct manager *m, const struct task *task,
		char checksum[DIGEST_HEX_SIZE], struct error *err) {
	uint64_t size;
	CLEANUP(file_closep) int fd = modules_open_file(m->modules, task->work.digest, &size, err);
	if (fd < 0) {
		return NULL;
	}
	CLEANUP(mem_freep) uint8_t *bytes = mem_zero(size, 1);
	if (!read_module(fd, size, bytes, err)) {
		return NULL;
	}
	return m->ring != NULL ? seal_inline(m, bytes, size, checksum, err)
			       : base64_encode(bytes, size);
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
		str_set(&task->outcome.error, err.message);
		(void)tasks_go(m, live, TASK_FAILED, "it cannot be sent to this worker");
	}
	command_finish(&command);
}

void dispatch_post(struct manager *m, const char *worker, const struct command *command) {
	char *text = keys_seal_command(m, worker, command_encode(command));
	if (text != NULL) {
		manager_post(m, topics_command(&m->topics, worker), text);
	}
}

void dispatch_start(struct manager *m, struct live *live) {
	struct command command;
	const struct task *task = live->task;
	if (task->at.boot[0] == 0) {
		start_old(m, live);
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
