/* SPDX-License-Identifier: Apache-2.0 */
#include "base/settings.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "base/settings_parts.h"
#include "base/str.h"

const char *setting_env_name(const struct setting *row, size_t index) {
	return index == 0 ? row->env : row->alias[index - 1];
}

const char *setting_title(const struct setting *row) {
	return row->env != NULL ? row->env : row->flag;
}

static void *field_of(const struct setting *row, void *target) {
	return (char *)target + row->offset;
}

static bool is_text(const struct setting *row) {
	return row->kind == SETTING_TEXT || row->kind == SETTING_SECRET ||
	       row->kind == SETTING_FILE || row->kind == SETTING_SECTION;
}

/* " of at least 1, at most 65535" */
static void describe_range(const struct setting *row, char *text, size_t size) {
	const char *unit = row->kind == SETTING_DURATION ? "ms"
			   : row->kind == SETTING_BYTES  ? "B"
							 : "";
	int used = 0;
	text[0] = '\0';
	if (row->min != 0) {
		used = snprintf(text, size, ", at least %" PRIu64 "%s", row->min, unit);
	}
	if (row->max != 0) {
		(void)snprintf(text + used, size - (size_t)used, ", at most %" PRIu64 "%s",
				row->max, unit);
	}
}

static bool refuse(
		const struct setting *row, const struct setting_source *source, struct error *err) {
	static const char *const accepted[] = {
		[SETTING_TEXT] = "a text",
		[SETTING_SECRET] = "a secret",
		[SETTING_NUMBER] = "a whole number",
		[SETTING_BYTES] = "a size such as 512, 64KiB or 256MiB",
		[SETTING_DURATION] = "a duration such as 30 (seconds), 500ms, 30s or 1m30s",
		[SETTING_BOOL] = "true or false",
		[SETTING_FILE] = "a path",
		[SETTING_SECTION] = "a name",
	};
	char range[80];
	describe_range(row, range, sizeof(range));
	return error_set(err, ERROR_INVALID,
			"setting %s: \"%.100s\" (from %s) is not accepted; it takes %s%s",
			setting_title(row), source->value, source->where, accepted[row->kind],
			range);
}

bool setting_missing(const struct setting *row, struct error *err) {
	if (row->kind == SETTING_SECRET) {
		return error_set(err, ERROR_INVALID,
				"setting %s is required; set %s, or %s_FILE to the path of a file "
				"that holds it",
				row->env, row->env, row->env);
	}
	if (row->env == NULL || row->flag == NULL) {
		return error_set(err, ERROR_INVALID, "setting %s is required; set %s%s",
				setting_title(row), row->env == NULL ? "--" : "",
				setting_title(row));
	}
	return error_set(err, ERROR_INVALID,
			"setting %s is required; set it in the environment or with --%s", row->env,
			row->flag);
}

static bool read_number(const struct setting *row, const char *text, uint64_t *number) {
	struct error ignored; /* refuse() says more */
	bool read = row->kind == SETTING_BYTES      ? str_to_bytes(text, number, &ignored)
		    : row->kind == SETTING_DURATION ? str_to_duration_ms(text, number, &ignored)
						    : str_to_u64(text, number, &ignored);
	return read && *number >= row->min && (row->max == 0 || *number <= row->max);
}

static bool assign(const struct setting *row, const struct setting_source *source, void *field,
		struct error *err) {
	struct error ignored;
	if (is_text(row)) {
		str_set(field, source->value);
		return true;
	}
	bool good = row->kind == SETTING_BOOL ? str_to_bool(source->value, field, &ignored)
					      : read_number(row, source->value, field);
	return good || refuse(row, source, err);
}

bool setting_offer(struct setting_source *source, const char *where, const char *value,
		struct error *err) {
	if (source->value == NULL) {
		source->value = value;
		(void)snprintf(source->where, sizeof(source->where), "%s", where);
		return true;
	}
	if (strcmp(source->value, value) == 0) {
		return true;
	}
	return error_set(err, ERROR_INVALID,
			"%s and %s are names of one setting and have different values; keep one "
			"of them",
			source->where, where);
}

bool setting_find_env(const struct setting *row, const char *suffix, struct setting_source *source,
		struct error *err) {
	source->value = NULL;
	for (size_t i = 0; i < SETTING_NAMES; i++) {
		const char *name = setting_env_name(row, i);
		if (name == NULL) {
			continue;
		}
		CLEANUP(mem_freep) char *full = str_format("%s%s", name, suffix);
		CLEANUP(mem_freep) char *where = str_format("%s in the environment", full);
		const char *value = getenv(full);
		if (value != NULL && *value != '\0' && !setting_offer(source, where, value, err)) {
			return false;
		}
	}
	return true;
}

static bool find_source(const struct setting *row, const char *given, struct settings_file *file,
		struct setting_source *source, struct error *err) {
	if (given != NULL) {
		source->value = given;
		(void)snprintf(source->where, sizeof(source->where), "flag --%s", row->flag);
		return true;
	}
	if (!setting_find_env(row, "", source, err) ||
			(source->value == NULL && !setting_find_key(row, "", file, source, err))) {
		return false;
	}
	if (source->value == NULL) {
		source->value = row->fallback;
		(void)snprintf(source->where, sizeof(source->where), "the default");
	}
	return true;
}

static bool load_row(const struct setting *row, const char *given, struct settings_file *file,
		void *field, struct error *err) {
	if (row->kind == SETTING_SECRET) {
		return setting_load_secret(row, file, field, err);
	}
	if (row->kind == SETTING_FILE) {
		str_set(field, file->path);
		return true;
	}
	struct setting_source source;
	if (!find_source(row, given, file, &source, err)) {
		return false;
	}
	if (row->required && (source.value == NULL || *source.value == '\0')) {
		return setting_missing(row, err);
	}
	if (source.value == NULL) {
		return true;
	}
	return assign(row, &source, field, err);
}

static bool load_rows(const struct settings *settings, const char *const *given, void *target,
		struct error *err) {
	CLEANUP(settings_file_finish) struct settings_file file = { 0 };
	if (!settings_file_load(settings, given, &file, err)) {
		return false;
	}
	for (size_t i = 0; i < settings->count; i++) {
		const struct setting *row = &settings->rows[i];
		if (!load_row(row, given[i], &file, field_of(row, target), err)) {
			return false;
		}
	}
	return true;
}

enum settings_outcome settings_load(const struct settings *settings, void *target, int argc,
		char **argv, struct error *err) {
	CLEANUP(mem_freep) const char **given = mem_zero(settings->count, sizeof(*given));
	enum settings_outcome outcome = settings_read_flags(settings, argc, argv, given, err);
	if (outcome == SETTINGS_RUN && !load_rows(settings, given, target, err)) {
		outcome = SETTINGS_BAD;
	}
	if (outcome != SETTINGS_RUN) {
		settings_finish(settings, target);
	}
	return outcome;
}

void settings_finish(const struct settings *settings, void *target) {
	for (size_t i = 0; i < settings->count; i++) {
		const struct setting *row = &settings->rows[i];
		if (!is_text(row)) {
			continue;
		}
		if (row->kind == SETTING_SECRET) {
			secret_wipe(field_of(row, target));
		} else {
			str_set(field_of(row, target), NULL);
		}
	}
}
