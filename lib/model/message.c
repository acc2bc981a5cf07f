/* SPDX-License-Identifier: Apache-2.0 */
#include "model/message.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/mem.h"
#include "model/member.h"

enum { FEATURES_MAX = 64, FILE_MAX = 256 * 1024 * 1024, CHIP_INPUTS_MAX = 16 };

/* A member that must be there. */
static bool need(const char *name, bool there, struct error *err) {
	return there || error_set(err, ERROR_INVALID, "field \"%s\" is missing", name);
}

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
	       need("proplet_id", p->proplet_id != NULL && p->proplet_id[0] != 0, err) &&
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
	return member_u64(object, "slots", 0, UINT32_MAX, &p->slots, err) &&
	       member_u64(object, "interval_ms", 0, 86400000, &p->interval_ms, err) &&
	       member_u64(object, "cpus", 0, UINT32_MAX, &p->cpus, err) &&
	       member_u64(object, "memory_bytes", 0, INT64_MAX, &p->memory_bytes, err) &&
	       member_u64(object, "memory_free_bytes", 0, INT64_MAX, &p->memory_free_bytes, err);
}

static bool read_presence(const json_t *object, struct presence *p, struct error *err) {
	return read_identity(object, p, err) && read_abilities(object, p, err) &&
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
	const char *field = NULL;
	return workload_read(&command->work, object, &field, err) &&
	       need("name", command->work.name != NULL, err);
}

static bool read_command(const json_t *object, struct command *c, struct error *err) {
	if (!read_type(object, c, err) ||
			!member_short(object, "boot", c->boot, sizeof(c->boot), err) ||
			!need("boot", c->boot[0] != 0, err)) {
		return false;
	}
	if (c->kind == COMMAND_ACK) {
		return read_refs(object, "attempts", &c->acked, err);
	}
	if (!member_short(object, "task_id", c->task_id, sizeof(c->task_id), err) ||
			!need("task_id", c->task_id[0] != 0, err) ||
			!member_u64(object, "attempt", 1, INT64_MAX, &c->attempt, err) ||
			!need("attempt", c->attempt != 0, err)) {
		return false;
	}
	if (c->kind == COMMAND_STOP) {
		return true;
	}
	return member_u64(object, "number", 1, INT64_MAX, &c->number, err) &&
	       need("number", c->number != 0, err) &&
	       member_text(object, "proplet_id", MESSAGE_ID_MAX, &c->proplet_id, err) &&
	       read_work(object, c, err) &&
	       need("digest", c->work.digest[0] != 0 || c->work.image_url != NULL, err);
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

/* In the workers' unit, and complete: Rust ones refuse it if a member is missing. */
static void write_profile(json_t *object, const struct workload *work) {
	json_object_set_new(
			object, "monitoring_profile", profile_encode(&work->profile, work->daemon));
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
			write_profile(object, &command->work);
		}
	}
	return member_dump(object);
}

static bool read_old_start(const json_t *object, struct command *c, struct error *err) {
	bool latent = false;
	if (!member_bool(object, "latent", &latent, err)) {
		return false;
	}
	if (latent) {
		return error_set(err, ERROR_UNSUPPORTED,
				"field \"latent\": this worker does not keep tasks to be invoked "
				"yet");
	}
	return member_any_text(object, "file", FILE_MAX, &c->file, err) &&
	       member_bool(object, "encrypted", &c->encrypted, err) &&
	       member_digest(object, "checksum", c->checksum, err) && read_work(object, c, err);
}

static bool read_old(const json_t *object, struct command *c, struct error *err) {
	bool broadcast = false;
	if (!member_short(object, "id", c->task_id, sizeof(c->task_id), err) ||
			!need("id", c->task_id[0] != 0, err) ||
			!member_text(object, "proplet_id", MESSAGE_ID_MAX, &c->proplet_id, err) ||
			!member_bool(object, "broadcast", &broadcast, err)) {
		return false;
	}
	if (broadcast || (c->proplet_id != NULL && c->proplet_id[0] == 0)) {
		str_set(&c->proplet_id, NULL);
	}
	return c->kind == COMMAND_STOP || read_old_start(object, c, err);
}

bool command_decode_old(struct command *command, enum command_kind kind, struct bytes payload,
		struct error *err) {
	*command = (struct command){ .kind = kind };
	workload_init(&command->work);
	json_auto_t *object = member_parse(payload, err);
	if (object == NULL) {
		return false;
	}
	if (!read_old(object, command, err)) {
		command_finish(command);
		return false;
	}
	return true;
}

/* NULL if the text is no number. */
static json_t *number_of(const char *text) {
	int64_t whole;
	struct error ignored;
	if (str_to_i64(text, &whole, &ignored)) {
		return json_integer(whole);
	}
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
	if (!json_is_number(value)) {
		json_decref(value);
		return NULL;
	}
	return value;
}

static bool check_chip_inputs(const struct strings *inputs, struct error *err) {
	if (inputs->count > CHIP_INPUTS_MAX) {
		return error_set(err, ERROR_UNSUPPORTED, "takes up to %d inputs, these are %zu",
				CHIP_INPUTS_MAX, inputs->count);
	}
	for (size_t i = 0; i < inputs->count; i++) {
		json_t *number = number_of(inputs->items[i]);
		if (number == NULL) {
			return error_set(err, ERROR_UNSUPPORTED,
					"takes only numbers as inputs, and \"%.40s\" is none",
					inputs->items[i]);
		}
		json_decref(number);
	}
	return true;
}

bool command_check_chip(const struct command *command, struct error *err) {
	static const char around[] = ",\"file\":\"\"";
	struct command start = *command; /* nothing of it is changed */
	if (!check_chip_inputs(&command->work.inputs, err)) {
		return false;
	}
	start.kind = COMMAND_START;
	start.chip = true;
	start.file = NULL;
	CLEANUP(mem_freep) char *text = command_encode_old(&start, 0);
	uint64_t size = strlen(text);
	if (command->work.image_url == NULL) {
		size += sizeof(around) - 1 + (command->work.module_size + 2) / 3 * 4;
	}
	return size <= CHIP_MESSAGE_MAX ||
	       error_set(err, ERROR_UNSUPPORTED,
			       "takes messages of up to %d bytes, this start has %llu: its module "
			       "has to be smaller",
			       CHIP_MESSAGE_MAX, (unsigned long long)size);
}

static json_t *numbers_of(const struct strings *inputs) {
	json_t *list = json_array();
	for (size_t i = 0; i < inputs->count; i++) {
		json_t *number = number_of(inputs->items[i]);
		json_array_append_new(list, number != NULL ? number : json_integer(0));
	}
	return list;
}

/* Members that Rust workers must find typed, whatever they say. */
static void write_for_rust(json_t *object, const struct command *command, int state) {
	json_object_set_new(object, "state", json_integer(state));
	json_object_set_new(object, "inputs", member_list(&command->work.inputs));
	json_object_set_new(object, "cli_args", member_list(&command->work.cli_args));
	json_object_set_new(object, "daemon", json_boolean(command->work.daemon));
	json_object_set_new(object, "latent", json_false());
	json_object_set_new(object, "encrypted", json_boolean(command->encrypted));
	json_object_set_new(object, "broadcast", json_false());
	write_profile(object, &command->work);
}

static void write_old_start(json_t *object, const struct command *command, int state) {
	if (command->chip) {
		json_object_set_new(object, "inputs", numbers_of(&command->work.inputs));
	} else {
		write_for_rust(object, command, state);
	}
	if (command->work.env.count != 0) {
		json_object_set_new(object, "env", member_env_object(&command->work.env));
	}
	member_put_text(object, "file", command->file);
	if (command->checksum[0] != 0) {
		member_put_text(object, "checksum", command->checksum);
	}
	member_put_text(object, "image_url", command->work.image_url);
}

char *command_encode_old(const struct command *command, int state) {
	json_t *object = json_object();
	member_put_text(object, "id", command->task_id);
	member_put_text(object, "name", command->work.name);
	member_put_text(object, "proplet_id", command->proplet_id);
	if (command->kind == COMMAND_START) {
		write_old_start(object, command, state);
	} else {
		json_object_set_new(object, "broadcast", json_false());
		member_put_text(object, "state", "stopped");
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
	       need("task_id", r->task_id[0] != 0, err) &&
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
	       need("task_id", n->task_id[0] != 0, err) &&
	       member_u64(object, "attempt", 1, INT64_MAX, &n->attempt, err) &&
	       need("attempt", n->attempt != 0, err) &&
	       member_text(object, "proplet_id", MESSAGE_ID_MAX, &n->proplet_id, err) &&
	       need("proplet_id", n->proplet_id != NULL, err) &&
	       member_short(object, "boot", n->boot, sizeof(n->boot), err) &&
	       need("boot", n->boot[0] != 0, err) && read_notice_kind(object, n, err) &&
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

/* --- module chunks -----------------------------------------------------------------------------
 */

static bool read_chunk_request(const json_t *object, struct chunk_request *r, struct error *err) {
	uint64_t first = 0, count = 1;
	if (!member_text(object, "proplet_id", MESSAGE_ID_MAX, &r->proplet_id, err) ||
			!need("proplet_id", r->proplet_id != NULL && r->proplet_id[0] != 0, err) ||
			!member_short(object, "boot", r->boot, sizeof(r->boot), err) ||
			!member_digest(object, "digest", r->digest, err) ||
			!need("digest", r->digest[0] != 0, err) ||
			!member_u64(object, "first", 0, UINT32_MAX, &first, err) ||
			!member_u64(object, "count", 1, 64, &count, err)) {
		return false;
	}
	r->first = (uint32_t)first;
	r->count = (uint32_t)count;
	return true;
}

bool chunk_request_decode(struct chunk_request *request, struct bytes payload, struct error *err) {
	*request = (struct chunk_request){ 0 };
	json_auto_t *object = member_parse(payload, err);
	if (object == NULL) {
		return false;
	}
	if (!read_chunk_request(object, request, err)) {
		chunk_request_finish(request);
		return false;
	}
	return true;
}

char *chunk_request_encode(const struct chunk_request *request) {
	json_t *object = json_object();
	member_put_text(object, "proplet_id", request->proplet_id);
	member_put_text(object, "boot", request->boot);
	member_put_text(object, "digest", request->digest);
	member_put_u64(object, "first", request->first);
	member_put_u64(object, "count", request->count);
	return member_dump(object);
}

void chunk_request_finish(struct chunk_request *request) {
	free(request->proplet_id);
	*request = (struct chunk_request){ 0 };
}

static const uint8_t chunk_magic[4] = { 'A', 'S', 'C', 1 };

static uint64_t get_big(const uint8_t *at, size_t size) {
	uint64_t value = 0;
	for (size_t i = 0; i < size; i++) {
		value = value << 8 | at[i];
	}
	return value;
}

static void put_big(uint8_t *at, size_t size, uint64_t value) {
	for (size_t i = size; i-- > 0; value >>= 8) {
		at[i] = (uint8_t)value;
	}
}

uint32_t chunk_count(uint64_t module_size) {
	return (uint32_t)((module_size + CHUNK_BYTES - 1) / CHUNK_BYTES);
}

/* What a chunk says about itself must add up. */
static bool check_chunk(struct chunk *chunk, struct error *err) {
	chunk->sealed = false;
	if (chunk->count == 0) {
		return chunk->module_size == 0 && chunk->data.size == 0
				       ? true
				       : error_set(err, ERROR_INVALID,
							 "a chunk without a count has bytes");
	}
	if (chunk->module_size > (uint64_t)UINT32_MAX * CHUNK_BYTES / 2 ||
			chunk->count != chunk_count(chunk->module_size) ||
			chunk->index >= chunk->count) {
		return error_set(err, ERROR_INVALID,
				"chunk %u of %u does not fit a module of %llu bytes", chunk->index,
				chunk->count, (unsigned long long)chunk->module_size);
	}
	uint64_t begin = (uint64_t)chunk->index * CHUNK_BYTES;
	uint64_t left = chunk->module_size - begin;
	uint64_t size = left < CHUNK_BYTES ? left : CHUNK_BYTES;
	chunk->sealed = chunk->data.size == size + CHUNK_SEALED_MORE;
	if (chunk->data.size != size && !chunk->sealed) {
		return error_set(err, ERROR_INVALID, "chunk %u of %u has %zu bytes", chunk->index,
				chunk->count, chunk->data.size);
	}
	return true;
}

bool chunk_decode(struct chunk *chunk, struct bytes payload, struct error *err) {
	const uint8_t *at = payload.data;
	if (payload.size < CHUNK_HEADER_BYTES ||
			memcmp(at, chunk_magic, sizeof(chunk_magic)) != 0) {
		return error_set(err, ERROR_INVALID, "not a module chunk of version 1");
	}
	chunk->module_size = get_big(at + 4, 8);
	chunk->index = (uint32_t)get_big(at + 12, 4);
	chunk->count = (uint32_t)get_big(at + 16, 4);
	hex_encode(at + 20, DIGEST_SIZE, chunk->digest);
	chunk->data = (struct bytes){ at + CHUNK_HEADER_BYTES, payload.size - CHUNK_HEADER_BYTES };
	return check_chunk(chunk, err);
}

void chunk_header_encode(const struct chunk *chunk, uint8_t header[CHUNK_HEADER_BYTES]) {
	memset(header, 0, CHUNK_HEADER_BYTES);
	memcpy(header, chunk_magic, sizeof(chunk_magic));
	put_big(header + 4, 8, chunk->module_size);
	put_big(header + 12, 4, chunk->index);
	put_big(header + 16, 4, chunk->count);
	if (!hex_decode(chunk->digest, header + 20, DIGEST_SIZE)) {
		memset(header + 20, 0, DIGEST_SIZE);
	}
}

/* --- images through Propeller's proxy ----------------------------------------------------------
 */

char *image_request_encode(const char *name) {
	json_t *object = json_object();
	member_put_text(object, "app_name", name);
	return member_dump(object);
}

char *image_request_decode(struct bytes payload, struct error *err) {
	json_auto_t *object = member_parse(payload, err);
	char *name = NULL;
	if (object == NULL || !member_text(object, "app_name", WORKLOAD_IMAGE_MAX, &name, err) ||
			!need("app_name", name != NULL && name[0] != 0, err)) {
		free(name);
		return NULL;
	}
	return name;
}

static bool read_data(const json_t *object, struct image_chunk *c, struct error *err) {
	const json_t *data = json_object_get(object, "data");
	if (!json_is_string(data) || json_string_length(data) == 0) {
		return error_set(err, ERROR_INVALID, "field \"data\": expected base64 text");
	}
	return base64_decode(json_string_value(data), json_string_length(data), &c->data, err) ||
	       error_wrap(err, "field \"data\"");
}

static bool read_image_chunk(const json_t *object, struct image_chunk *c, struct error *err) {
	uint64_t index = UINT64_MAX, count = 0;
	if (!member_text(object, "app_name", WORKLOAD_IMAGE_MAX, &c->name, err) ||
			!need("app_name", c->name != NULL && c->name[0] != 0, err) ||
			!member_any_text(object, "error", ERROR_MESSAGE_MAX, &c->error, err)) {
		return false;
	}
	if (c->error != NULL && c->error[0] != 0) {
		return true;
	}
	str_set(&c->error, NULL);
	if (!member_u64(object, "total_chunks", 1, IMAGE_CHUNKS_MAX, &count, err) ||
			!need("total_chunks", count != 0, err) ||
			!member_u64(object, "chunk_idx", 0, count - 1, &index, err) ||
			!need("chunk_idx", index != UINT64_MAX, err)) {
		return false;
	}
	c->index = (uint32_t)index;
	c->count = (uint32_t)count;
	return read_data(object, c, err);
}

bool image_chunk_decode(struct image_chunk *chunk, struct bytes payload, size_t data_max,
		struct error *err) {
	*chunk = (struct image_chunk){ .data = BUF_INIT(data_max) };
	json_auto_t *object = member_parse(payload, err);
	if (object == NULL) {
		return false;
	}
	if (!read_image_chunk(object, chunk, err)) {
		image_chunk_finish(chunk);
		return false;
	}
	return true;
}

void image_chunk_finish(struct image_chunk *chunk) {
	free(chunk->name);
	free(chunk->error);
	buf_finish(&chunk->data);
	*chunk = (struct image_chunk){ 0 };
}

bool image_chunk_encode(struct buf *out, const char *name, uint32_t index, uint32_t count,
		struct bytes data, struct error *err) {
	CLEANUP(mem_freep) char *quoted = member_dump(json_pack("[s]", name));
	CLEANUP(mem_freep) char *text = base64_encode(data.data, data.size);
	buf_clear(out);
	return buf_printf(out, err, "{\"app_name\":%.*s,\"chunk_idx\":%u,\"total_chunks\":%u,",
			       (int)strlen(quoted) - 2, quoted + 1, index, count) &&
	       buf_append(out, "\"data\":\"", 8, err) && buf_append(out, text, strlen(text), err) &&
	       buf_append(out, "\"}", 2, err);
}

char *image_failure_encode(const char *name, const char *error) {
	json_t *object = json_object();
	member_put_text(object, "app_name", name);
	member_put_text(object, "error", error);
	return member_dump(object);
}
