/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/str.h"
#include "cli/context.h"
#include "cli/progress.h"
#include "cli/token.h"

enum { ANSWER_MAX = 256 * 1024 * 1024, CALL_SECONDS = 60, UPLOAD_SECONDS = 3600 };

/* How long an answer may go on, and say nothing. */
struct patience {
	unsigned whole_ms, silence_seconds;
};
/* A connection is made anew every day; the manager says something every 15 s. */
static const struct patience with_events = { 24 * 3600 * 1000, 40 };
/* What is long takes a while to begin. */
static const struct patience with_a_file = { 7 * 24 * 3600 * 1000, 600 };

static const char *part_of(const json_t *context, const char *member) {
	return json_string_value(json_object_get(context, member));
}

/* From a flag, else from the environment, else from the context. */
static struct tls_file tls_file_of(const struct arguments *arguments, const json_t *context,
		enum flag flag, const char *member) {
	static const struct {
		enum flag flag;
		const char *name, *variable;
	} rows[] = { { FLAG_CA, "--ca", "PROPELLER_CA" }, { FLAG_CERT, "--cert", "PROPELLER_CERT" },
		{ FLAG_KEY, "--key", "PROPELLER_KEY" } };
	const char *given = arguments->flags[flag], *name = NULL, *variable = NULL;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		name = rows[i].flag == flag ? rows[i].name : name;
		variable = rows[i].flag == flag ? rows[i].variable : variable;
	}
	if (given != NULL) {
		return (struct tls_file){ name, given };
	}
	const char *set = getenv(variable), *kept = part_of(context, member);
	return (set == NULL || set[0] == 0) && kept != NULL
			       ? (struct tls_file){ "the context's file", kept }
			       : (struct tls_file){ variable, set };
}

/* Flags for TLS say that it is wanted: then it must not be left out in silence. */
static bool read_tls(struct manager *manager, const struct arguments *arguments,
		const json_t *context, struct error *err) {
	const struct tls_files files = {
		.ca = tls_file_of(arguments, context, FLAG_CA, "ca"),
		.cert = tls_file_of(arguments, context, FLAG_CERT, "cert"),
		.key = tls_file_of(arguments, context, FLAG_KEY, "key"),
	};
	bool flags = arguments->flags[FLAG_CA] != NULL || arguments->flags[FLAG_CERT] != NULL ||
		     arguments->flags[FLAG_KEY] != NULL;
	if (str_starts(manager->url, "https://")) {
		return tls_read(&files, &manager->tls, err);
	}
	return !flags ||
	       error_set(err, ERROR_INVALID,
			       "flags --ca, --cert and --key are for https://, and the address "
			       "is %.200s",
			       manager->url);
}

bool manager_open(struct manager *manager, const struct arguments *arguments, struct error *err) {
	return manager_open_briefly(manager, arguments, 0, err);
}

static bool make_client(struct manager *manager, const struct arguments *arguments,
		const json_t *context, struct error *err) {
	if (!read_tls(manager, arguments, context, err)) {
		return false;
	}
	const struct http_client_options options = { .base_url = manager->url,
		.token = manager->token,
		.connect_ms = manager->patience_ms,
		.tls = &manager->tls };
	manager->client = http_client_create(&options, err);
	return manager->client != NULL;
}

/* Flag, environment, context, default: the first one that says something counts. */
static bool open_by(struct manager *manager, const struct arguments *arguments,
		const json_t *context, struct error *err) {
	const struct token_place place = { "PROPELLER_TOKEN", "PROPELLER_TOKEN_FILE",
		part_of(context, "token_file") };
	const char *url = arguments->flags[FLAG_MANAGER];
	if (url == NULL) {
		url = context != NULL ? part_of(context, "manager_url")
				      : getenv("PROPELLER_MANAGER_URL");
	}
	manager->url = str_copy(url != NULL && url[0] != 0 ? url : "http://localhost:7070");
	return token_find(arguments->flags[FLAG_TOKEN_FILE], &place, &manager->token, err) &&
	       make_client(manager, arguments, context, err);
}

bool manager_open_briefly(struct manager *manager, const struct arguments *arguments, unsigned ms,
		struct error *err) {
	json_t *context = NULL;
	*manager = (struct manager){ .patience_ms = ms };
	bool ok = context_choose(arguments, &context, err) &&
		  open_by(manager, arguments, context, err);
	json_decref(context);
	return ok;
}

/* The manager's token is not the executor's: it is not shown around. */
bool manager_open_executor(struct manager *executor, const struct arguments *arguments,
		const char *url, struct error *err) {
	static const struct token_place place = { "PROPELLER_EXECUTOR_TOKEN",
		"PROPELLER_EXECUTOR_TOKEN_FILE", NULL };
	*executor = (struct manager){ .url = str_copy(url) };
	return token_find(arguments->flags[FLAG_TOKEN_FILE], &place, &executor->token, err) &&
	       make_client(executor, arguments, NULL, err);
}

void manager_close(struct manager *manager) {
	http_client_destroy(manager->client);
	secret_wipe(&manager->token);
	tls_finish(&manager->tls);
	free(manager->url);
}

static bool take_answer(const struct http_answer *answer, json_t **value, struct error *err) {
	if (answer->status >= 400) {
		return http_answer_error(answer, err);
	}
	if (answer->status >= 300) { /* nothing was done; a manager leads nobody elsewhere */
		return error_set(err, ERROR_INTERNAL,
				"HTTP status %d is no answer of a manager; is this its address?",
				answer->status);
	}
	json_t *parsed = NULL;
	if (answer->body.size != 0) {
		parsed = json_loadb(
				buf_text(&answer->body), answer->body.size, JSON_ALLOW_NUL, NULL);
		if (parsed == NULL) {
			return error_set(err, ERROR_INTERNAL,
					"the manager's answer is not JSON; is this its address?");
		}
	}
	if (value != NULL) {
		*value = parsed;
	} else {
		json_decref(parsed);
	}
	return true;
}

static bool send_call(struct manager *manager, const struct http_call *call, json_t **value,
		struct error *err) {
	struct http_answer answer = { .body = BUF_INIT(ANSWER_MAX) };
	bool ok = http_client_send(manager->client, call, &answer, err);
	if (!ok && err->code == ERROR_UNAVAILABLE) {
		(void)error_wrap(err, "cannot reach the manager");
	}
	ok = ok && take_answer(&answer, value, err);
	buf_finish(&answer.body);
	return ok;
}

bool manager_call(struct manager *manager, const char *method, const char *path, json_t *body,
		json_t **answer, struct error *err) {
	CLEANUP(mem_freep) char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	const struct http_call call = { .method = method,
		.path = path,
		.type = text != NULL ? "application/json" : NULL,
		.body = { (const uint8_t *)text, text != NULL ? strlen(text) : 0 },
		.timeout_ms = manager->patience_ms != 0 ? manager->patience_ms
							: CALL_SECONDS * 1000u };
	json_decref(body);
	return send_call(manager, &call, answer, err);
}

bool manager_wait(struct manager *manager, const char *path, unsigned seconds, json_t **answer,
		struct error *err) {
	const struct http_call call = {
		.method = "GET", .path = path, .timeout_ms = (CALL_SECONDS + seconds) * 1000
	};
	return send_call(manager, &call, answer, err);
}

static bool receive(struct manager *manager, const char *path, const struct receiver *receiver,
		const struct patience *patience, struct error *err) {
	const struct http_call call = { .method = "GET",
		.path = path,
		.timeout_ms = patience->whole_ms,
		.take = receiver->take,
		.tick = receiver->tick,
		.silence_seconds = patience->silence_seconds,
		.context = receiver->context };
	return send_call(manager, &call, NULL, err);
}

bool manager_listen(struct manager *manager, const char *path, const struct receiver *receiver,
		struct error *err) {
	return receive(manager, path, receiver, &with_events, err);
}

bool manager_fetch(struct manager *manager, const char *path, const struct receiver *receiver,
		struct error *err) {
	return receive(manager, path, receiver, &with_a_file, err);
}

bool manager_upload(struct manager *manager, const char *id, const char *file, struct error *err) {
	struct stat info;
	const char *cut = strrchr(file, '/');
	struct progress progress = { .name = cut != NULL ? cut + 1 : file, .fd = STDERR_FILENO };
	CLEANUP(file_closep) int fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &info) != 0) {
		return error_set(err, ERROR_NOT_FOUND, "%s: %s", file, strerror(errno));
	}
	if (!S_ISREG(info.st_mode) || info.st_size == 0) {
		return error_set(err, ERROR_INVALID, "%s is not a module: it is %s", file,
				S_ISREG(info.st_mode) ? "empty" : "no regular file");
	}
	CLEANUP(mem_freep) char *path = task_path(id, "/upload");
	const struct http_call call = { .method = "PUT",
		.path = path,
		.type = "application/wasm",
		.file = fd,
		.file_size = (uint64_t)info.st_size,
		.timeout_ms = UPLOAD_SECONDS * 1000u,
		.progress = progress_show,
		.context = &progress };
	bool ok = send_call(manager, &call, NULL, err);
	progress_end(&progress);
	return ok;
}

char *task_path(const char *id, const char *rest) {
	CLEANUP(mem_freep) char *escaped = http_escape(id);
	return str_format("/tasks/%s%s", escaped, rest);
}
