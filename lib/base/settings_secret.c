/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets are read straight into the memory that is wiped in the end: no buffer that grows and
 * leaves copies behind, no message that quotes them.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/settings_parts.h"
#include "base/str.h"

enum { SECRET_MAX = 64 * 1024 };

void setting_wipe_secret(char **field) {
	if (*field != NULL) {
		explicit_bzero(*field, strlen(*field));
		free(*field);
		*field = NULL;
	}
}

static void take(char **field, char *secret) {
	setting_wipe_secret(field);
	*field = secret;
}

static bool read_exactly(int fd, char *to, size_t size) {
	while (size > 0) {
		ssize_t got = read(fd, to, size);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			return false;
		}
		to += got;
		size -= (size_t)got;
	}
	return true;
}

/*
 * Takes `secret` of `size` bytes over. An empty one is refused, for it would switch off what the
 * secret is there to protect.
 */
static bool keep(char *secret, size_t size, const char *path, char **field, struct error *err) {
	const char *flaw = NULL;
	if (size > 0 && secret[size - 1] == '\n') {
		secret[--size] = '\0';
	}
	if (size == 0) {
		flaw = "is empty; write the secret into it";
	} else if (strlen(secret) != size) {
		flaw = "holds a zero byte; it takes text";
	}
	if (flaw != NULL) {
		explicit_bzero(secret, size);
		free(secret);
		return error_set(err, ERROR_INVALID, "the secret file %s %s", path, flaw);
	}
	take(field, secret);
	return true;
}

void setting_wipe_content(struct setting_content *content) {
	if (content->bytes != NULL) {
		explicit_bzero(content->bytes, content->size);
		free(content->bytes);
		content->bytes = NULL;
	}
}

bool setting_read_content(const char *path, const char *what, size_t max,
		struct setting_content *content, struct error *err) {
	CLEANUP(file_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat info;
	*content = (struct setting_content){ 0 };
	if (fd < 0 || fstat(fd, &info) != 0) {
		content->missing = errno == ENOENT || errno == ENOTDIR;
		return error_set(err, ERROR_INVALID, "cannot open the %s %.500s: %s", what, path,
				strerror(errno));
	}
	if (!S_ISREG(info.st_mode)) {
		return error_set(err, ERROR_INVALID, "%.500s is not a regular file", path);
	}
	if (info.st_size > (off_t)max) {
		return error_set(err, ERROR_TOO_LARGE, "the %s %.500s is larger than %zu bytes",
				what, path, max);
	}
	content->mode = info.st_mode & 07777;
	content->size = (size_t)info.st_size;
	content->bytes = mem_zero(content->size + 1, 1);
	if (!read_exactly(fd, content->bytes, content->size)) {
		setting_wipe_content(content);
		return error_set(err, ERROR_INVALID, "cannot read the %s %.500s to its end", what,
				path);
	}
	return true;
}

static bool read_secret_file(const char *path, char **field, struct error *err) {
	struct setting_content content;
	if (!setting_read_content(path, "secret file", SECRET_MAX, &content, err)) {
		return false;
	}
	if ((content.mode & 077) != 0) {
		setting_wipe_content(&content);
		return error_set(err, ERROR_INVALID,
				"others than its owner may use the secret file %s (mode %04o); run "
				"chmod 600 on it",
				path, content.mode);
	}
	return keep(content.bytes, content.size, path, field, err);
}

static bool load_from(const struct setting *row, const struct setting_source *file,
		const struct setting_source *direct, char **field, struct error *err) {
	if (file->value != NULL && direct->value != NULL) {
		return error_set(err, ERROR_INVALID,
				"setting %s: %s and %s are both set; keep one of them", row->env,
				direct->where, file->where);
	}
	if (file->value != NULL) {
		return read_secret_file(file->value, field, err) ||
		       error_wrap(err, "setting %s (from %s)", row->env, file->where);
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
