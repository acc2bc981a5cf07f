/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/token.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/str.h"

enum { TOKEN_MAX = 4096 };

static bool check_eyes(const char *path, const struct secret_content *content, struct error *err) {
	uid_t me = geteuid();
	if (me != 0 && content->owner != me && content->owner != 0) {
		return error_set(err, ERROR_INVALID,
				"%.500s belongs to another user (uid %u), who may read and change "
				"it; copy it into a file of yours: install -m 600 FROM TO",
				path, (unsigned)content->owner);
	}
	bool ours = content->owner == me || me == 0;
	return (content->mode & (ours ? 077u : 022u)) == 0 ||
	       error_set(err, ERROR_INVALID,
			       "others than its owner may %s %.500s (mode %04o); %s chmod %s on it",
			       ours ? "use" : "change", path, content->mode,
			       ours ? "run" : "root has to run", ours ? "600" : "640");
}

static char *first_line(const char *text) {
	return mem_copy(text, strcspn(text, "\r\n"));
}

static bool read_file(const char *path, char **token, struct error *err) {
	struct secret_content content;
	if (!secret_read_content(path, "file", TOKEN_MAX, &content, err)) {
		err->code = content.missing ? ERROR_NOT_FOUND : err->code;
		return false;
	}
	bool ok = check_eyes(path, &content, err);
	*token = ok ? first_line(content.bytes) : NULL;
	secret_wipe_content(&content);
	return ok;
}

static bool read_pipe(const char *path, char **token, struct error *err) {
	struct buf text = BUF_INIT(TOKEN_MAX);
	bool ok = file_read(path, &text, err);
	*token = ok ? first_line(buf_text(&text)) : NULL;
	if (text.data != NULL) {
		explicit_bzero(text.data, text.capacity);
	}
	buf_finish(&text);
	return ok;
}

static bool token_read(const char *path, char **token, struct error *err) {
	struct stat info;
	bool pipe = stat(path, &info) == 0 && !S_ISREG(info.st_mode);
	if (!(pipe ? read_pipe : read_file)(path, token, err)) {
		return error_wrap(err, "the file with the token");
	}
	if ((*token)[0] != 0) {
		return true;
	}
	secret_wipe(token);
	return error_set(err, ERROR_INVALID,
			"the file with the token, %s, begins with an empty line", path);
}

bool token_find(const char *flag, const struct token_place *place, char **token,
		struct error *err) {
	const char *told = getenv(place->variable), *file = flag;
	if (file == NULL && told == NULL) {
		file = getenv(place->file_variable);
		file = file != NULL ? file : place->kept_file;
	}
	*token = NULL;
	if (file != NULL) {
		return token_read(file, token, err);
	}
	*token = told != NULL && told[0] != 0 ? str_copy(told) : NULL;
	return true;
}
