/* SPDX-License-Identifier: Apache-2.0 */
/* Commands as Propeller's manager gives them, and as its workers take them: on a server in Rust,
 * or on a chip, which wants numbers for inputs and short messages. */
#include "model/message.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/member.h"

enum { FILE_MAX = 256 * 1024 * 1024, CHIP_INPUTS_MAX = 16 };

/* --- on their way in ---------------------------------------------------------------------------
 */

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
	       member_digest(object, "checksum", c->checksum, err) &&
	       workload_read(&c->work, object, err) &&
	       member_need("name", c->work.name != NULL, err);
}

static bool read_old(const json_t *object, struct command *c, struct error *err) {
	bool broadcast = false;
	if (!member_short(object, "id", c->task_id, sizeof(c->task_id), err) ||
			!member_need("id", c->task_id[0] != 0, err) ||
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

/* --- on their way out --------------------------------------------------------------------------
 */

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

static json_t *numbers_of(const struct strings *inputs) {
	json_t *list = json_array();
	for (size_t i = 0; i < inputs->count; i++) {
		json_t *number = number_of(inputs->items[i]);
		json_array_append_new(list, number != NULL ? number : json_integer(0));
	}
	return list;
}

/* Members that Rust workers must find typed and complete, whatever they say. */
static void write_for_rust(json_t *object, const struct command *command, int state) {
	json_object_set_new(object, "state", json_integer(state));
	json_object_set_new(object, "inputs", member_list(&command->work.inputs));
	json_object_set_new(object, "cli_args", member_list(&command->work.cli_args));
	json_object_set_new(object, "daemon", json_boolean(command->work.daemon));
	json_object_set_new(object, "latent", json_false());
	json_object_set_new(object, "encrypted", json_boolean(command->encrypted));
	json_object_set_new(object, "broadcast", json_false());
	json_object_set_new(object, "monitoring_profile",
			profile_encode(&command->work.profile, command->work.daemon));
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

/* --- chips -------------------------------------------------------------------------------------
 */

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
