/* SPDX-License-Identifier: Apache-2.0 */
/* Which of its sources a secret comes from. */
#include "base/mem.h"
#include "base/secret.h"
#include "base/settings_parts.h"
#include "base/str.h"

static void take(char **field, char *secret) {
	secret_wipe(field);
	*field = secret;
}

static bool load_from(const struct setting *row, const struct setting_source *file,
		const struct setting_source *direct, char **field, struct error *err) {
	if (file->value != NULL && direct->value != NULL) {
		return error_set(err, ERROR_INVALID,
				"setting %s: %s and %s are both set; keep one of them", row->env,
				direct->where, file->where);
	}
	if (file->value != NULL) {
		char *secret = secret_read(file->value, err);
		if (secret == NULL) {
			return error_wrap(err, "setting %s (from %s)", row->env, file->where);
		}
		take(field, secret);
		return true;
	}
	take(field, str_copy(direct->value != NULL ? direct->value : row->fallback));
	return true;
}

/* What is in the environment in either form hides what is in the settings file. */
static bool find_secret(const struct setting *row, struct settings_file *config,
		struct setting_source *direct, struct setting_source *file, struct error *err) {
	if (!setting_find_env(row, "", direct, err) || !setting_find_env(row, "_FILE", file, err)) {
		return false;
	}
	if (direct->value != NULL || file->value != NULL) {
		return true;
	}
	return setting_find_key(row, "", config, direct, err) &&
	       setting_find_key(row, "_file", config, file, err);
}

bool setting_load_secret(const struct setting *row, struct settings_file *config, char **field,
		struct error *err) {
	struct setting_source direct, file;
	if (!find_secret(row, config, &direct, &file, err) ||
			!load_from(row, &file, &direct, field, err)) {
		return false;
	}
	if (row->required && (*field == NULL || **field == '\0')) {
		return setting_missing(row, err);
	}
	return true;
}
