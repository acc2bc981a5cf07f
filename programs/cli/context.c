/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/context.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/str.h"
#include "base/toml.h"

enum { FILE_MAX = 64 * 1024 };

static const char *const members[] = { "manager_url", "token_file", "ca", "cert", "key" };

char *contexts_path(void) {
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	if (config != NULL && config[0] == '/') {
		return str_format("%s/propeller/contexts.toml", config);
	}
	return home != NULL && home[0] == '/'
			       ? str_format("%s/.config/propeller/contexts.toml", home)
			       : NULL;
}

/* --- reading -----------------------------------------------------------------------------------
 */

static json_t *context_of(const struct toml *table, struct error *err) {
	json_t *context = json_object();
	for (size_t i = 0; i < table->count; i++) {
		const struct toml *item = table->items[i];
		bool known = false;
		for (size_t j = 0; j < sizeof(members) / sizeof(members[0]); j++) {
			known = known || str_equal(item->key.bytes, members[j]);
		}
		if (!known || item->kind != TOML_STRING) {
			error_set(err, ERROR_INVALID,
					"context \"%.64s\": \"%.64s\" is not one of manager_url, "
					"token_file, ca, cert, key, all of them texts",
					table->key.bytes, item->key.bytes);
			json_decref(context);
			return NULL;
		}
		json_object_set_new(context, item->key.bytes, json_string(item->text.bytes));
	}
	return context;
}

static bool take_contexts(const struct toml *table, json_t *to, struct error *err) {
	for (size_t i = 0; table != NULL && i < table->count; i++) {
		const struct toml *item = table->items[i];
		json_t *context = item->kind == TOML_TABLE ? context_of(item, err) : NULL;
		if (item->kind != TOML_TABLE) {
			return error_set(err, ERROR_INVALID, "contexts.%.64s is no table",
					item->key.bytes);
		}
		if (context == NULL) {
			return false;
		}
		json_object_set_new(to, item->key.bytes, context);
	}
	return true;
}

static json_t *parse(const char *path, const struct secret_content *content, struct error *err) {
	CLEANUP(toml_destroyp)
	struct toml_document *document = toml_parse(path, content->bytes, content->size, err);
	if (document == NULL) {
		return NULL;
	}
	const struct toml *current = toml_get(toml_root(document), "current");
	const struct toml *table = toml_get(toml_root(document), "contexts");
	if ((current != NULL && current->kind != TOML_STRING) ||
			(table != NULL && table->kind != TOML_TABLE)) {
		error_set(err, ERROR_INVALID, "%s: \"current\" is a text, and \"contexts\" a table",
				path);
		return NULL;
	}
	json_t *all = json_pack("{s:{}}", "contexts");
	if (current != NULL) {
		json_object_set_new(all, "current", json_string(current->text.bytes));
	}
	if (!take_contexts(table, json_object_get(all, "contexts"), err)) {
		(void)error_wrap(err, "%s", path);
		json_decref(all);
		return NULL;
	}
	return all;
}

/* As ssh is with its configuration: ours or root's, and nobody else writes it. */
static bool check_owner(const char *path, const struct secret_content *content, struct error *err) {
	if (content->owner != 0 && content->owner != geteuid()) {
		return error_set(err, ERROR_INVALID,
				"%s belongs to another user (uid %u), and it says who gets tokens: "
				"chown it, or name another folder in XDG_CONFIG_HOME",
				path, (unsigned)content->owner);
	}
	return (content->mode & 022) == 0 ||
	       error_set(err, ERROR_INVALID,
			       "%s: others may write it, and it says who gets tokens: chmod 600",
			       path);
}

json_t *contexts_load(struct error *err) {
	CLEANUP(mem_freep) char *path = contexts_path();
	struct secret_content content = { 0 };
	if (path == NULL || !secret_read_content(path, "contexts", FILE_MAX, &content, err)) {
		return path == NULL || content.missing ? json_pack("{s:{}}", "contexts") : NULL;
	}
	json_t *all = check_owner(path, &content, err) ? parse(path, &content, err) : NULL;
	secret_wipe_content(&content);
	return all;
}

/* --- writing -----------------------------------------------------------------------------------
 */

/* A JSON text is a TOML one; what JSON does not escape and TOML would has been refused before. */
static bool put(struct buf *text, const char *before, const char *value, struct error *err) {
	json_t *string = json_string(value);
	CLEANUP(mem_freep) char *quoted = json_dumps(string, JSON_ENCODE_ANY);
	json_decref(string);
	return quoted == NULL ? error_set(err, ERROR_INVALID, "a context is not UTF-8 text")
			      : buf_printf(text, err, "%s%s", before, quoted);
}

static bool put_context(
		struct buf *text, const char *name, const json_t *context, struct error *err) {
	bool ok = put(text, "\n[contexts.", name, err) && buf_printf(text, err, "]\n");
	for (size_t i = 0; ok && i < sizeof(members) / sizeof(members[0]); i++) {
		const char *value = json_string_value(json_object_get(context, members[i]));
		CLEANUP(mem_freep) char *before = str_format("%s = ", members[i]);
		ok = value == NULL ||
		     (put(text, before, value, err) && buf_printf(text, err, "\n"));
	}
	return ok;
}

bool contexts_save(const json_t *contexts, struct error *err) {
	CLEANUP(mem_freep) char *path = contexts_path();
	if (path == NULL) {
		return error_set(err, ERROR_INVALID,
				"neither XDG_CONFIG_HOME nor HOME says where contexts are kept");
	}
	CLEANUP(mem_freep) char *folder = mem_copy(path, (size_t)(strrchr(path, '/') - path));
	struct buf text = BUF_INIT(FILE_MAX);
	const char *current = json_string_value(json_object_get(contexts, "current")), *name;
	json_t *context;
	bool ok = buf_printf(&text, err, "# Written by propeller-cli context.\n");
	if (ok && current != NULL) {
		ok = put(&text, "current = ", current, err) && buf_printf(&text, err, "\n");
	}
	json_object_foreach(json_object_get(contexts, "contexts"), name, context) {
		ok = ok && put_context(&text, name, context, err);
	}
	ok = ok && file_make_folder(folder, err) &&
	     file_write(path, text.data, text.size, 0600, err);
	buf_finish(&text);
	return ok;
}

/* --- choosing ----------------------------------------------------------------------------------
 */

static const char *set_variable(const char *name) {
	const char *value = getenv(name);
	return value != NULL && value[0] != 0 ? value : NULL;
}

static bool find(const json_t *all, const char *name, json_t **context, struct error *err) {
	json_t *found = json_object_get(json_object_get(all, "contexts"), name);
	if (json_object_get(found, "manager_url") == NULL) {
		return error_set(err, ERROR_NOT_FOUND,
				found == NULL ? "there is no context \"%.64s\""
					      : "context \"%.64s\" has no manager_url",
				name);
	}
	*context = json_incref(found);
	return true;
}

bool context_choose(const struct arguments *arguments, json_t **context, struct error *err) {
	const char *flag = arguments->flags[FLAG_CONTEXT];
	bool elsewhere = arguments->flags[FLAG_MANAGER] != NULL ||
			 set_variable("PROPELLER_MANAGER_URL") != NULL;
	*context = NULL;
	if (flag != NULL && arguments->flags[FLAG_MANAGER] != NULL) {
		return error_set(err, ERROR_INVALID,
				"flags --context and --manager-url each name a manager: take one");
	}
	if (flag == NULL && elsewhere) {
		return true;
	}
	json_t *all = contexts_load(err);
	if (all == NULL) {
		return false;
	}
	const char *name = flag != NULL ? flag : set_variable("PROPELLER_CONTEXT");
	if (name == NULL) {
		name = json_string_value(json_object_get(all, "current"));
	}
	bool ok = name == NULL || find(all, name, context, err);
	json_decref(all);
	return ok;
}
