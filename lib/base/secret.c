/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum { SECRET_MAX = 64 * 1024 };

void secret_wipe(char **secret) {
	if (*secret != NULL) {
		explicit_bzero(*secret, strlen(*secret));
		free(*secret);
		*secret = NULL;
	}
}

void secret_wipe_content(struct secret_content *content) {
	if (content->bytes != NULL) {
		explicit_bzero(content->bytes, content->size);
		free(content->bytes);
		content->bytes = NULL;
	}
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

/* An access list lets the service read a credential that is not its own, and shows as a group. */
static bool is_credential(const char *path) {
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	size_t size = folder != NULL ? strlen(folder) : 0;
	return size != 0 && strncmp(path, folder, size) == 0 && path[size] == '/' &&
	       strchr(path + size + 1, '/') == NULL;
}

bool secret_read_content(const char *path, const char *what, size_t max,
		struct secret_content *content, struct error *err) {
	CLEANUP(file_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat info;
	*content = (struct secret_content){ 0 };
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
	content->mode = info.st_mode & (is_credential(path) ? 0700 : 07777);
	content->owner = info.st_uid;
	content->size = (size_t)info.st_size;
	content->bytes = mem_zero(content->size + 1, 1);
	if (!read_exactly(fd, content->bytes, content->size)) {
		secret_wipe_content(content);
		return error_set(err, ERROR_INVALID, "cannot read the %s %.500s to its end", what,
				path);
	}
	return true;
}

static bool check_mode(unsigned mode, const char *path, struct error *err) {
	return (mode & 077) == 0 ||
	       error_set(err, ERROR_INVALID,
			       "others than its owner may use the secret file %.500s (mode %04o); "
			       "run chmod 600 on it",
			       path, mode);
}

/* An empty secret would switch off what it is there to protect. */
static bool check_text(struct secret_content *content, const char *path, struct error *err) {
	if (content->size > 0 && content->bytes[content->size - 1] == '\n') {
		content->bytes[--content->size] = '\0';
	}
	if (content->size == 0) {
		return error_set(err, ERROR_INVALID,
				"the secret file %.500s is empty; write the secret into it", path);
	}
	return strlen(content->bytes) == content->size ||
	       error_set(err, ERROR_INVALID,
			       "the secret file %.500s holds a zero byte; it takes text", path);
}

char *secret_read(const char *path, struct error *err) {
	struct secret_content content;
	if (!secret_read_content(path, "secret file", SECRET_MAX, &content, err)) {
		return NULL;
	}
	if (!check_mode(content.mode, path, err) || !check_text(&content, path, err)) {
		secret_wipe_content(&content);
		return NULL;
	}
	return content.bytes;
}
