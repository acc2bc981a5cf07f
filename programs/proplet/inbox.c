/* SPDX-License-Identifier: Apache-2.0 */
/* What comes in over MQTT, decoded in the bus thread. What cannot be decoded is dropped with a
 * line in the log, unless it names a task: then it is answered. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "proplet/keys.h"
#include "proplet/worker.h"

void inbox_subscribe(struct worker *worker) {
	bus_subscribe(worker->bus, worker->command_topic);
	bus_subscribe(worker->bus, worker->topics.start);
	bus_subscribe(worker->bus, worker->topics.stop);
	bus_subscribe(worker->bus, worker->topics.online);
}

static void put(struct worker *worker, enum event_kind kind) {
	struct event *event = MEM_NEW(struct event);
	event->kind = kind;
	worker_put(worker, event);
}

void inbox_connected(void *context) {
	put(context, EVENT_CONNECTED);
}

void inbox_disconnected(void *context, const char *reason) {
	(void)context;
	log_warn("no connection to the broker reason=\"%s\"", reason);
}

static void put_command(struct worker *worker, struct command *command) {
	struct event *event = MEM_NEW(struct event);
	event->kind = EVENT_COMMAND;
	event->command = *command;
	worker_put(worker, event);
}

static void copy_id(char *to, size_t size, const json_t *text) {
	const char *from = json_string_value(text);
	(void)snprintf(to, size, "%s", from != NULL && strlen(from) < size ? from : "");
}

/*
 * A start that says for whom and for which task, but not soundly what: the task fails with that.
 * Nobody has to hold this result: if it is lost the start comes again, and is as bad.
 */
static void answer_bad_start(struct worker *worker, struct bytes payload, const struct error *err) {
	json_t *object = json_loadb((const char *)payload.data, payload.size, 0, NULL);
	bool ours = json_object_get(object, "task_id") != NULL;
	const char *to = json_string_value(json_object_get(object, ours ? "boot" : "proplet_id"));
	struct report report = { .proplet_id = worker->settings->client_id };
	struct error ignored;
	copy_id(report.task_id, sizeof(report.task_id),
			json_object_get(object, ours ? "task_id" : "id"));
	if (ours) {
		copy_id(report.boot, sizeof(report.boot), json_object_get(object, "boot"));
		report.attempt = (uint64_t)json_integer_value(json_object_get(object, "attempt"));
	}
	const char *type = json_string_value(json_object_get(object, "type"));
	bool start = !ours || str_equal(type, "start");
	if (start && report.task_id[0] != 0 &&
			str_equal(to, ours ? worker->boot : worker->settings->client_id)) {
		report.outcome.error = str_copy(err->message);
		bool opened = err->code != ERROR_KEY_MISMATCH && err->code != ERROR_INTEGRITY;
		CLEANUP(mem_freep) char *text = report_encode(&report);
		if (opened) {
			text = keys_seal_report(worker, text);
		}
		(void)!bus_publish(
				worker->bus, worker->topics.results, text, strlen(text), &ignored);
		outcome_finish(&report.outcome);
	}
	json_decref(object);
}

/* A command on the worker's own topic. */
static bool take_command(struct worker *worker, struct command *command, struct bytes payload,
		struct error *err) {
	struct buf json = BUF_INIT(payload.size);
	struct bytes message = payload;
	bool opened = keys_open_command(worker, &message, &json, err);
	if (!opened) {
		log_error("%s error=\"%s\"", keys_refusal, err->message);
		(void)error_wrap(err, "%s", keys_refusal);
	}
	bool ok = opened && command_decode(command, message, err);
	if (!ok) {
		answer_bad_start(worker, payload, err);
	}
	buf_finish(&json);
	return ok;
}

void inbox_message(void *context, const char *topic, struct bytes payload) {
	struct worker *worker = context;
	struct command command;
	struct error err;
	bool ok;
	if (str_equal(topic, worker->topics.online)) {
		put(worker, EVENT_ASKED);
		return;
	}
	if (str_equal(topic, worker->command_topic)) {
		ok = take_command(worker, &command, payload, &err);
	} else if (worker->ring != NULL && !worker->settings->allow_v1) {
		ok = error_set(&err, ERROR_INTEGRITY, "%s: it is not sealed", keys_refusal);
		if (str_equal(topic, worker->topics.start)) {
			answer_bad_start(worker, payload, &err);
		}
	} else if (str_equal(topic, worker->topics.start)) {
		ok = command_decode_old(&command, COMMAND_START, payload, &err);
		if (!ok) {
			answer_bad_start(worker, payload, &err);
		}
	} else {
		ok = command_decode_old(&command, COMMAND_STOP, payload, &err);
	}
	if (ok) {
		put_command(worker, &command);
	} else {
		log_warn("a command that says nothing, dropped topic=%s bytes=%zu error=\"%s\"",
				topic, payload.size, err.message);
	}
}
