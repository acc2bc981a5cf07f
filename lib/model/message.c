/* SPDX-License-Identifier: Apache-2.0 */
#include "model/message.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/member.h"

enum { FEATURES_MAX = 64 };

/* --- lists of attempts: [["<task id>", 3], ...] ------------------------------------------------
 */

static bool read_ref(const json_t *item, struct attempt_ref *ref) {
	const json_t *id = json_array_get(item, 0), *attempt = json_array_get(item, 1);
	if (!json_is_string(id) || json_string_length(id) >= UUID_SIZE ||
			!json_is_integer(attempt) || json_integer_value(attempt) < 0) {
		return false;
	}
	memcpy(ref->task_id, json_string_value(id), json_string_length(id) + 1);
	ref->attempt = (uint64_t)json_integer_value(attempt);
	return true;
}

static bool read_refs(const json_t *object, const char *name, struct attempt_refs *refs,
		struct error *err) {
	const json_t *list = json_object_get(object, name);
	size_t count = json_array_size(list);
	if (list == NULL || json_is_null(list)) {
		return true;
	}
	if (!json_is_array(list) || count > MESSAGE_ATTEMPTS_MAX) {
		return error_set(err, ERROR_INVALID,
				"field \"%s\": expected a list of up to %d attempts", name,
				MESSAGE_ATTEMPTS_MAX);
	}
	refs->items = mem_zero(count, sizeof(*refs->items));
	for (refs->count = 0; refs->count < count; refs->count++) {
		if (!read_ref(json_array_get(list, refs->count), &refs->items[refs->count])) {
			return error_set(err, ERROR_INVALID,
					"field \"%s\": item %zu is not [task id, attempt]", name,
					refs->count);
		}
	}
	return true;
}

static json_t *write_refs(const struct attempt_refs *refs) {
	json_t *list = json_array();
	for (size_t i = 0; i < refs->count; i++) {
		json_t *pair = json_array();
		json_array_append_new(pair, json_string(refs->items[i].task_id));
		json_array_append_new(pair, json_integer((json_int_t)refs->items[i].attempt));
		json_array_append_new(list, pair);
	}
	return list;
}

/* --- presence ----------------------------------------------------------------------------------
 */

static bool read_status(const json_t *object, struct presence *presence, struct error *err) {
	CLEANUP(mem_freep) char *status = NULL;
	if (!member_text(object, "status", MESSAGE_ID_MAX, &status, err)) {
		return false;
	}
	presence->offline = str_equal(status, "offline");
	return true;
}

/* Identity: who, where, which boot. */
static bool read_identity(const json_t *object, struct presence *p, struct error *err) {
	return member_text(object, "proplet_id", MESSAGE_ID_MAX, &p->proplet_id, err) &&
	       member_need("proplet_id", p->proplet_id != NULL && p->proplet_id[0] != 0, err) &&
	       member_text(object, "namespace", MESSAGE_ID_MAX, &p->space, err) &&
	       member_short(object, "boot", p->boot, sizeof(p->boot), err) &&
	       read_status(object, p, err);
}

static bool read_abilities(const json_t *object, struct presence *p, struct error *err) {
	if (!member_strings(object, "features", false, &p->features, err) ||
			!member_strings(object, "engines", false, &p->engines, err)) {
		return false;
	}
	p->ours = strings_has(&p->features, "commands") && p->boot[0] != 0;
	p->counts_gas = strings_has(&p->features, "gas");
	p->signs = strings_has(&p->features, "signed-requests");
	return member_u64(object, "slots", 0, UINT32_MAX, &p->slots, err) &&
	       member_u64(object, "interval_ms", 0, 86400000, &p->interval_ms, err) &&
	       member_u64(object, "cpus", 0, UINT32_MAX, &p->cpus, err) &&
	       member_u64(object, "memory_bytes", 0, INT64_MAX, &p->memory_bytes, err) &&
	       member_u64(object, "memory_free_bytes", 0, INT64_MAX, &p->memory_free_bytes, err);
}

static bool read_presence(const json_t *object, struct presence *p, struct error *err) {
	return read_identity(object, p, err) && read_abilities(object, p, err) &&
	       member_u64(object, "boot_number", 0, INT64_MAX, &p->boot_number, err) &&
	       member_u64(object, "command", 0, INT64_MAX, &p->command, err) &&
	       read_refs(object, "running", &p->running, err) &&
	       read_refs(object, "held", &p->held, err) &&
	       member_object(object, "metadata", &p->metadata, err);
}

bool presence_decode(struct presence *presence, struct bytes payload, struct error *err) {
	*presence = (struct presence){ 0 };
	json_auto_t *object = member_parse(payload, err);
	if (object == NULL) {
		return false;
	}
	if (!read_presence(object, presence, err)) {
		presence_finish(presence);
		return false;
	}
	return true;
}

static void write_abilities(json_t *object, const struct presence *p) {
	json_object_set_new(object, "features", member_list(&p->features));
	json_object_set_new(object, "engines", member_list(&p->engines));
	member_put_u64(object, "slots", p->slots);
	member_put_u64(object, "cpus", p->cpus);
	member_put_u64(object, "memory_bytes", p->memory_bytes);
	json_object_set_new(object, "metadata",
			p->metadata != NULL ? json_incref(p->metadata) : json_object());
}

char *presence_encode(const struct presence *p, bool announcement) {
	json_t *object = json_object();
	member_put_text(object, "proplet_id", p->proplet_id);
	member_put_text(object, "status", p->offline ? "offline" : "alive");
	member_put_text(object, "namespace", p->space);
	member_put_text(object, "boot", p->boot);
	if (p->offline) {
		return member_dump(object);
	}
	if (announcement) {
		write_abilities(object, p);
	}
	member_put_u64(object, "interval_ms", p->interval_ms);
	member_put_u64(object, "memory_free_bytes", p->memory_free_bytes);
	if (p->boot_number != 0) {
		member_put_u64(object, "boot_number", p->boot_number);
	}
	member_put_u64(object, "command", p->command);
	json_object_set_new(object, "running", write_refs(&p->running));
	json_object_set_new(object, "held", write_refs(&p->held));
	return member_dump(object);
}

void presence_finish(struct presence *presence) {
	free(presence->proplet_id);
	free(presence->space);
	strings_finish(&presence->features);
	strings_finish(&presence->engines);
	free(presence->running.items);
	free(presence->held.items);
	json_decref(presence->metadata);
	*presence = (struct presence){ 0 };
}

/* --- commands ----------------------------------------------------------------------------------
 */

static const char *const command_names[] = {
	[COMMAND_START] = "start",
	[COMMAND_STOP] = "stop",
	[COMMAND_ACK] = "ack",
};

static bool read_type(const json_t *object, struct command *command, struct error *err) {
	const char *type = json_string_value(json_object_get(object, "type"));
	for (int i = 0; i <= COMMAND_ACK; i++) {
		if (type != NULL && str_equal(type, command_names[i])) {
			command->kind = (enum command_kind)i;
			return true;
		}
	}
	return error_set(err, ERROR_INVALID, "field \"type\": expected start, stop or ack");
}

static bool read_work(const json_t *object, struct command *command, struct error *err) {
	return workload_read(&command->work, object, err) &&
	       member_need("name", command->work.name != NULL, err);
}

static bool read_command(const json_t *object, struct command *c, struct error *err) {
	if (!read_type(object, c, err) ||
			!member_short(object, "boot", c->boot, sizeof(c->boot), err) ||
			!member_need("boot", c->boot[0] != 0, err)) {
		return false;
	}
	if (c->kind == COMMAND_ACK) {
		return read_refs(object, "attempts", &c->acked, err);
	}
	if (!member_short(object, "task_id", c->task_id, sizeof(c->task_id), err) ||
			!member_need("task_id", c->task_id[0] != 0, err) ||
			!member_u64(object, "attempt", 1, INT64_MAX, &c->attempt, err) ||
			!member_need("attempt", c->attempt != 0, err)) {
		return false;
	}
	if (c->kind == COMMAND_STOP) {
		return true;
	}
	return member_u64(object, "number", 1, INT64_MAX, &c->number, err) &&
	       member_need("number", c->number != 0, err) &&
	       member_text(object, "proplet_id", MESSAGE_ID_MAX, &c->proplet_id, err) &&
	       read_work(object, c, err) &&
	       member_need("digest", c->work.digest[0] != 0 || c->work.image_url != NULL, err);
}

bool command_decode(struct command *command, struct bytes payload, struct error *err) {
	*command = (struct command){ 0 };
	workload_init(&command->work);
	json_auto_t *object = member_parse(payload, err);
	if (object == NULL) {
		return false;
	}
	if (!read_command(object, command, err)) {
		command_finish(command);
		return false;
	}
	return true;
}

char *command_encode(const struct command *command) {
	json_t *object = json_object();
	member_put_text(object, "type", command_names[command->kind]);
	member_put_text(object, "boot", command->boot);
	if (command->kind == COMMAND_ACK) {
		json_object_set_new(object, "attempts", write_refs(&command->acked));
		return member_dump(object);
	}
	member_put_text(object, "task_id", command->task_id);
	member_put_u64(object, "attempt", command->attempt);
	if (command->kind == COMMAND_START) {
		member_put_u64(object, "number", command->number);
		member_put_text(object, "proplet_id", command->proplet_id);
		workload_write(&command->work, object);
		if (command->work.profile.given) {
			json_object_set_new(object, "monitoring_profile",
					profile_encode(&command->work.profile,
							command->work.daemon));
		}
	}
	return member_dump(object);
}

void command_finish(struct command *command) {
	free(command->proplet_id);
	free(command->file);
	free(command->acked.items);
	workload_finish(&command->work);
	*command = (struct command){ 0 };
}

/* --- results -----------------------------------------------------------------------------------
 */

/* Federated learning: the name is in the result. */
static bool read_inner_name(struct report *r, struct error *err) {
	if (r->proplet_id != NULL || !json_is_object(r->outcome.results)) {
		return true;
	}
	return member_text(r->outcome.results, "proplet_id", MESSAGE_ID_MAX, &r->proplet_id, err);
}

static bool read_report(const json_t *object, struct report *r, struct error *err) {
	return member_short(object, "task_id", r->task_id, sizeof(r->task_id), err) &&
	       member_need("task_id", r->task_id[0] != 0, err) &&
	       member_u64(object, "attempt", 0, INT64_MAX, &r->attempt, err) &&
	       member_text(object, "proplet_id", MESSAGE_ID_MAX, &r->proplet_id, err) &&
	       member_short(object, "boot", r->boot, sizeof(r->boot), err) &&
	       outcome_read(&r->outcome, object, err) && read_inner_name(r, err);
}

bool report_decode(struct report *report, struct bytes payload, struct error *err) {
	*report = (struct report){ 0 };
	json_auto_t *object = member_parse(payload, err);
	if (object == NULL) {
		return false;
	}
	if (!read_report(object, report, err)) {
		report_finish(report);
		return false;
	}
	return true;
}

char *report_encode(const struct report *report) {
	json_t *object = json_object();
	member_put_text(object, "task_id", report->task_id);
	member_put_text(object, "proplet_id", report->proplet_id);
	json_object_set_new(object, "results", json_string(""));
	json_object_set_new(object, "error", json_null());
	if (report->attempt != 0) {
		member_put_u64(object, "attempt", report->attempt);
	}
	if (report->boot[0] != 0) {
		member_put_text(object, "boot", report->boot);
	}
	outcome_write(&report->outcome, object);
	return member_dump(object);
}

void report_finish(struct report *report) {
	free(report->proplet_id);
	outcome_finish(&report->outcome);
	*report = (struct report){ 0 };
}

/* --- notices -----------------------------------------------------------------------------------
 */

static const char *const notice_names[] = {
	[NOTICE_RUNNING] = "running",
	[NOTICE_GONE] = "gone",
	[NOTICE_REFUSED] = "refused",
};

static bool read_notice_kind(const json_t *object, struct notice *notice, struct error *err) {
	const char *state = json_string_value(json_object_get(object, "state"));
	for (int i = 0; i <= NOTICE_REFUSED; i++) {
		if (state != NULL && str_equal(state, notice_names[i])) {
			notice->kind = (enum notice_kind)i;
			return true;
		}
	}
	return error_set(err, ERROR_INVALID, "field \"state\": expected running, gone or refused");
}

static bool read_notice(const json_t *object, struct notice *n, struct error *err) {
	return member_short(object, "task_id", n->task_id, sizeof(n->task_id), err) &&
	       member_need("task_id", n->task_id[0] != 0, err) &&
	       member_u64(object, "attempt", 1, INT64_MAX, &n->attempt, err) &&
	       member_need("attempt", n->attempt != 0, err) &&
	       member_text(object, "proplet_id", MESSAGE_ID_MAX, &n->proplet_id, err) &&
	       member_need("proplet_id", n->proplet_id != NULL, err) &&
	       member_short(object, "boot", n->boot, sizeof(n->boot), err) &&
	       member_need("boot", n->boot[0] != 0, err) && read_notice_kind(object, n, err) &&
	       member_time(object, "at", &n->at, err) &&
	       member_any_text(object, "reason", ERROR_MESSAGE_MAX, &n->reason, err);
}

bool notice_decode(struct notice *notice, struct bytes payload, struct error *err) {
	*notice = (struct notice){ 0 };
	json_auto_t *object = member_parse(payload, err);
	if (object == NULL) {
		return false;
	}
	if (!read_notice(object, notice, err)) {
		notice_finish(notice);
		return false;
	}
	return true;
}

char *notice_encode(const struct notice *notice) {
	json_t *object = json_object();
	member_put_text(object, "task_id", notice->task_id);
	member_put_u64(object, "attempt", notice->attempt);
	member_put_text(object, "proplet_id", notice->proplet_id);
	member_put_text(object, "boot", notice->boot);
	member_put_text(object, "state", notice_names[notice->kind]);
	member_put_time(object, "at", notice->at);
	member_put_text(object, "reason", notice->reason);
	return member_dump(object);
}

void notice_finish(struct notice *notice) {
	free(notice->proplet_id);
	free(notice->reason);
	*notice = (struct notice){ 0 };
}
