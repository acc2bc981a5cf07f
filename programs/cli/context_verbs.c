/* SPDX-License-Identifier: Apache-2.0 */
/* `context list|show|set|use|delete`. Files of tokens are named and never opened here. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/context.h"
#include "cli/output.h"

static const struct {
	enum flag flag;
	const char *member;
	bool path;
} parts[] = { { FLAG_MANAGER, "manager_url", false }, { FLAG_TOKEN_FILE, "token_file", true },
	{ FLAG_CA, "ca", true }, { FLAG_CERT, "cert", true }, { FLAG_KEY, "key", true } };

/* As people see it. */
static json_t *row_of(const char *name, const json_t *context, const char *current) {
	json_t *row = json_pack("{s:s,s:b}", "name", name, "current", str_equal(name, current));
	json_object_update(row, (json_t *)(uintptr_t)context);
	return row;
}

int context_list(const struct arguments *arguments, struct error *err) {
	json_t *all = contexts_load(err), *context, *rows;
	const char *name;
	if (all == NULL) {
		return -1;
	}
	const char *current = json_string_value(json_object_get(all, "current"));
	json_t *page = json_pack("{s:o}", "contexts", rows = json_array());
	json_object_foreach(json_object_get(all, "contexts"), name, context) {
		json_array_append_new(rows, row_of(name, context, current));
	}
	show(look_of(arguments), &view_contexts, page);
	json_decref(page);
	json_decref(all);
	return 0;
}

/* The named context, borrowed; without a name the current one. */
static json_t *named(const json_t *all, const char **name, struct error *err) {
	if (*name == NULL) {
		*name = json_string_value(json_object_get(all, "current"));
	}
	json_t *found = *name != NULL ? json_object_get(json_object_get(all, "contexts"), *name)
				      : NULL;
	if (*name == NULL) {
		error_set(err, ERROR_NOT_FOUND, "there is no current context");
	} else if (found == NULL) {
		error_set(err, ERROR_NOT_FOUND, "there is no context \"%.64s\"", *name);
	}
	return found;
}

int context_show(const struct arguments *arguments, struct error *err) {
	json_t *all = contexts_load(err);
	const char *name = arguments->items[0];
	const json_t *context = all != NULL ? named(all, &name, err) : NULL;
	if (context != NULL) {
		const char *current = json_string_value(json_object_get(all, "current"));
		json_t *row = row_of(name, context, current);
		show(look_of(arguments), &view_context, row);
		json_decref(row);
	}
	json_decref(all);
	return context != NULL ? 0 : -1;
}

static bool check_name(const char *name, struct error *err) {
	static const char allowed[] =
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t size = strlen(name);
	return (size != 0 && size <= CONTEXT_NAME_MAX && strspn(name, allowed) == size) ||
	       error_set(err, ERROR_INVALID,
			       "\"%.80s\" is no name for a context: up to %d letters, digits, "
			       "dots, dashes, underscores",
			       name, CONTEXT_NAME_MAX);
}

static bool check_text(const char *text, bool path, struct error *err) {
	for (const char *c = text; *c != 0; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f) {
			return error_set(err, ERROR_INVALID, "control characters are not allowed");
		}
	}
	bool http = str_starts(text, "http://") || str_starts(text, "https://");
	if (!path && !http) {
		return error_set(err, ERROR_INVALID,
				"flag --manager-url: an address begins with http:// or https://");
	}
	return path || strchr(text, '@') == NULL ||
	       error_set(err, ERROR_INVALID,
			       "flag --manager-url: no passwords in addresses; put the token into "
			       "a "
			       "file (--token-file)");
}

/* Paths are meant from here, wherever the context is used. */
static char *absolute(const char *path) {
	char folder[PATH_MAX];
	return path[0] == '/' || getcwd(folder, sizeof(folder)) == NULL
			       ? str_copy(path)
			       : str_format("%s/%s", folder, path);
}

/* What the flags say; one that is set to nothing (--ca=) takes the part away. */
static bool change(json_t *context, const struct arguments *arguments, struct error *err) {
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const char *value = arguments->flags[parts[i].flag];
		if (value == NULL) {
			continue;
		}
		if (value[0] == 0) {
			json_object_del(context, parts[i].member);
			continue;
		}
		if (!check_text(value, parts[i].path, err)) {
			return false;
		}
		CLEANUP(mem_freep) char *text = parts[i].path ? absolute(value) : str_copy(value);
		json_t *string = json_string(text);
		if (string == NULL) {
			return error_set(err, ERROR_INVALID, "%s is not UTF-8 text",
					parts[i].member);
		}
		json_object_set_new(context, parts[i].member, string);
	}
	return json_object_get(context, "manager_url") != NULL ||
	       error_set(err, ERROR_INVALID, "a new context needs --manager-url");
}

int context_set(const struct arguments *arguments, struct error *err) {
	const char *name = arguments->items[0];
	json_t *all = check_name(name, err) ? contexts_load(err) : NULL;
	if (all == NULL) {
		return -1;
	}
	json_t *contexts = json_object_get(all, "contexts");
	if (json_object_get(contexts, name) == NULL) {
		json_object_set_new(contexts, name, json_object());
	}
	if (json_object_get(all, "current") == NULL) { /* the first one is the one to use */
		json_object_set_new(all, "current", json_string(name));
	}
	bool ok = change(json_object_get(contexts, name), arguments, err) &&
		  contexts_save(all, err);
	if (ok) {
		(void)puts(look_of(arguments) == LOOK_ID ? name : "ok");
	}
	json_decref(all);
	return ok ? 0 : -1;
}

int context_use(const struct arguments *arguments, struct error *err) {
	json_t *all = contexts_load(err);
	const char *name = arguments->items[0];
	bool ok = all != NULL && named(all, &name, err) != NULL;
	if (ok) {
		json_object_set_new(all, "current", json_string(name));
		ok = contexts_save(all, err);
	}
	if (ok) {
		(void)puts(look_of(arguments) == LOOK_ID ? name : "ok");
	}
	json_decref(all);
	return ok ? 0 : -1;
}

int context_delete(const struct arguments *arguments, struct error *err) {
	json_t *all = contexts_load(err);
	const char *name = arguments->items[0];
	bool ok = all != NULL && named(all, &name, err) != NULL;
	if (ok) {
		const char *current = json_string_value(json_object_get(all, "current"));
		if (str_equal(current, name)) {
			json_object_del(all, "current");
		}
		json_object_del(json_object_get(all, "contexts"), name);
		ok = contexts_save(all, err);
	}
	if (ok) {
		(void)puts(look_of(arguments) == LOOK_ID ? name : "ok");
	}
	json_decref(all);
	return ok ? 0 : -1;
}
