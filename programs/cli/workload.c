/* SPDX-License-Identifier: Apache-2.0 */
/* From flags to the JSON of a task. What the manager does not run yet is passed on: it says so. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"

enum { STDIN_MAX = 512 * 1024 };

static json_t *list_of(const char *text) {
	struct strings items = { 0 };
	json_t *list = json_array();
	strings_split(&items, text, ',');
	for (size_t i = 0; i < items.count; i++) {
		json_array_append_new(list, json_string(items.items[i]));
	}
	strings_finish(&items);
	return list;
}

/* K=V,K=V; a piece without "=" belongs to the value before it, commas and all. */
static bool add_pairs(json_t *task, const char *name, const char *text, struct error *err) {
	struct strings items = { 0 };
	json_t *object = json_object();
	bool ok = true;
	strings_split(&items, text, ',');
	for (size_t i = 0; ok && i < items.count; i++) {
		char *cut = strchr(items.items[i], '=');
		ok = cut != NULL && cut != items.items[i];
		if (ok) {
			*cut = 0;
			json_object_set_new(object, items.items[i], json_string(cut + 1));
		}
	}
	strings_finish(&items);
	json_object_set_new(task, name, object);
	return ok || error_set(err, ERROR_INVALID, "flag --%s: expected K=V,K=V", name);
}

/* HOST, HOST:GUEST, either with ":rw" behind it. */
static json_t *dir_of(const char *text) {
	struct strings parts = { 0 };
	json_t *object = json_object();
	strings_split(&parts, text, ':');
	bool write = parts.count > 1 && str_equal(parts.items[parts.count - 1], "rw");
	size_t paths = parts.count - (write ? 1 : 0);
	if (paths == 1 || paths == 2) {
		json_object_set_new(object, "host", json_string(parts.items[0]));
		json_object_set_new(object, "guest", json_string(parts.items[paths - 1]));
		json_object_set_new(object, "write", json_boolean(write));
	}
	strings_finish(&parts);
	return object;
}

static bool add_dirs(json_t *task, const char *text, struct error *err) {
	struct strings items = { 0 };
	json_t *list = json_array();
	bool ok = true;
	strings_split(&items, text, ',');
	for (size_t i = 0; ok && i < items.count; i++) {
		json_t *object = dir_of(items.items[i]);
		ok = json_object_size(object) != 0;
		json_array_append_new(list, object);
	}
	strings_finish(&items);
	json_object_set_new(task, "dirs", list);
	return ok || error_set(err, ERROR_INVALID, "flag --dirs: expected HOST[:GUEST][:rw],…");
}

static bool add_stdin(json_t *task, const char *text, struct error *err) {
	struct buf content = BUF_INIT(STDIN_MAX);
	if (text[0] != '@') {
		json_object_set_new(task, "stdin", json_string(text));
		return true;
	}
	bool ok = file_read(text + 1, &content, err) || error_wrap(err, "flag --stdin");
	json_t *value = ok ? json_stringn(buf_text(&content), content.size) : NULL;
	ok = ok &&
	     (value != NULL || error_set(err, ERROR_INVALID, "flag --stdin: %s is not UTF-8 text",
					       text + 1));
	if (ok) {
		json_object_set_new(task, "stdin", value);
	}
	buf_finish(&content);
	return ok;
}

static bool add_number(json_t *to, const char *name, const char *text,
		bool (*parse)(const char *, uint64_t *, struct error *), struct error *err) {
	uint64_t number = 0;
	if (text == NULL) {
		return true;
	}
	if (!parse(text, &number, err)) {
		return error_wrap(err, "%s", name);
	}
	json_object_set_new(to, name, json_integer((json_int_t)number));
	return true;
}

static bool add_limits(json_t *task, const struct arguments *arguments, struct error *err) {
	const char *const *flags = arguments->flags;
	json_t *limits = json_object();
	uint64_t ms = 0;
	json_object_set_new(task, "limits", limits);
	if (flags[FLAG_WALL] != NULL) {
		if (!str_to_duration_ms(flags[FLAG_WALL], &ms, err)) {
			return error_wrap(err, "flag --wall");
		}
		json_object_set_new(limits, "wall_seconds", json_real((double)ms / 1000.0));
	}
	return add_number(limits, "memory_bytes", flags[FLAG_MEMORY], str_to_bytes, err) &&
	       add_number(limits, "fuel", flags[FLAG_FUEL], str_to_u64, err) &&
	       add_number(limits, "gas", flags[FLAG_GAS], str_to_u64, err) &&
	       add_number(limits, "output_bytes", flags[FLAG_OUTPUT_BYTES], str_to_bytes, err);
}

static void add_texts(json_t *task, const struct arguments *arguments) {
	static const struct {
		enum flag flag;
		const char *member;
	} texts[] = { { FLAG_ENGINE, "engine" }, { FLAG_INVOKE, "invoke" },
		{ FLAG_PROPLET, "proplet_id" }, { FLAG_IMAGE, "image_url" },
		{ FLAG_IMAGE_URL, "image_url" }, { FLAG_DIGEST, "digest" },
		{ FLAG_NAMESPACE, "namespace" }, { FLAG_RESTART, "restart" },
		{ FLAG_KBS, "kbs_resource_path" }, { FLAG_MODE, "mode" }, { FLAG_KIND, "kind" },
		{ FLAG_SCHEDULE, "schedule" }, { FLAG_TIMEZONE, "timezone" } };
	static const struct {
		enum flag flag;
		const char *member;
	} switches[] = { { FLAG_DAEMON, "daemon" }, { FLAG_LATENT, "latent" },
		{ FLAG_ENCRYPTED, "encrypted" }, { FLAG_BROADCAST, "broadcast" },
		{ FLAG_RECURRING, "is_recurring" } };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (arguments->flags[texts[i].flag] != NULL) {
			json_object_set_new(task, texts[i].member,
					json_string(arguments->flags[texts[i].flag]));
		}
	}
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		if (arguments->flags[switches[i].flag] != NULL) {
			json_object_set_new(task, switches[i].member, json_true());
		}
	}
}

static bool add_lists(json_t *task, const struct arguments *arguments, struct error *err) {
	const char *const *flags = arguments->flags;
	if (flags[FLAG_INPUTS] != NULL) {
		json_object_set_new(task, "inputs", list_of(flags[FLAG_INPUTS]));
	}
	if (flags[FLAG_CLI_ARGS] != NULL) {
		json_object_set_new(task, "cli_args", list_of(flags[FLAG_CLI_ARGS]));
	}
	if (flags[FLAG_TAGS] != NULL) {
		json_object_set_new(task, "required_tags", list_of(flags[FLAG_TAGS]));
	}
	return (flags[FLAG_ENV] == NULL || add_pairs(task, "env", flags[FLAG_ENV], err)) &&
	       (flags[FLAG_METADATA] == NULL ||
			       add_pairs(task, "metadata", flags[FLAG_METADATA], err)) &&
	       (flags[FLAG_DIRS] == NULL || add_dirs(task, flags[FLAG_DIRS], err)) &&
	       (flags[FLAG_STDIN] == NULL || add_stdin(task, flags[FLAG_STDIN], err)) &&
	       add_number(task, "min_memory_bytes", flags[FLAG_MIN_MEMORY], str_to_bytes, err) &&
	       add_number(task, "restart_limit", flags[FLAG_RESTART_LIMIT], str_to_u64, err) &&
	       add_number(task, "priority", flags[FLAG_PRIORITY], str_to_u64, err);
}

/* The manager is told in two steps, and would take the second for a change. */
static bool has_one_module(const struct arguments *arguments, struct error *err) {
	const char *const *flags = arguments->flags;
	const char *image =
			flags[FLAG_IMAGE_URL] != NULL ? flags[FLAG_IMAGE_URL] : flags[FLAG_IMAGE];
	return flags[FLAG_FILE] == NULL || image == NULL || image[0] == 0 ||
	       error_set(err, ERROR_INVALID, "flags --file and %s each name a module: take one",
			       flags[FLAG_IMAGE_URL] != NULL ? "--image-url" : "--image");
}

json_t *task_from_flags(const struct arguments *arguments, const char *name, struct error *err) {
	if (!has_one_module(arguments, err)) {
		return NULL;
	}
	json_t *task = json_object();
	if (name != NULL) {
		json_object_set_new(task, "name", json_string(name));
	}
	add_texts(task, arguments);
	if (add_lists(task, arguments, err) && add_limits(task, arguments, err)) {
		return task;
	}
	json_decref(task);
	return NULL;
}

const char *task_id(const json_t *created, struct error *err) {
	const char *id = json_string_value(json_object_get(created, "id"));
	if (id == NULL) {
		error_set(err, ERROR_INTERNAL,
				"the manager's answer has no task in it; is this its address?");
	}
	return id;
}
