/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * propeller-cli: a table of verbs (verbs.def) and one of flags (flags.def); each verb has a
 * handler. A handler returns the exit code, or -1 with err set; main.c then prints the error and a
 * hint and chooses the code (spec/errors.def). A new verb is its row and its handler.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/tls.h"
#include "cli/text.h"
#include "http/client.h"

enum flag {
#define FLAG(code, name, short_name, value, who, help) FLAG_##code,
#include "cli/flags.def"
#undef FLAG
	FLAGS
};

enum { OWN_FAILURE = 125, STOPPED = 130, ARGUMENTS_MAX = 1024 };

struct arguments {
	const char *flags[FLAGS]; /* the value, "" for a flag without one; NULL: not given */
	char *joined[FLAGS];      /* values that several flags of a name made together */
	const char *items[ARGUMENTS_MAX + 1]; /* what is not a flag, NULL-ended */
	int count;
};

/* manager.c: talking to the manager. One client per process, made at the first call. */
struct manager {
	struct http_client *client;
	char *url, *token;
	unsigned patience_ms; /* 0: as long as a call may take */
	struct tls_parts tls; /* for https; the client uses them */
};
bool manager_open(struct manager *manager, const struct arguments *arguments,
		struct error *err) MUST_CHECK;
/* The same; connecting, and each manager_call(), may take `ms`. */
bool manager_open_briefly(struct manager *manager, const struct arguments *arguments, unsigned ms,
		struct error *err) MUST_CHECK;
/* The same for an executor, with a token of its own. */
bool manager_open_executor(struct manager *executor, const struct arguments *arguments,
		const char *url, struct error *err) MUST_CHECK;
void manager_close(struct manager *manager);
/* The answer's JSON (NULL for an empty one); an answer >= 400 is an error. */
bool manager_call(struct manager *manager, const char *method, const char *path, json_t *body,
		json_t **answer, struct error *err) MUST_CHECK;
/* The same; it may take `seconds` longer. */
bool manager_wait(struct manager *manager, const char *path, unsigned seconds, json_t **answer,
		struct error *err) MUST_CHECK;
/* Who gets an answer that goes on, as in struct http_call. */
struct receiver {
	bool (*take)(void *context, const void *bytes, size_t size);
	bool (*tick)(void *context);
	void *context;
};
/* GET of events: they go on, and are never silent for long. */
bool manager_listen(struct manager *manager, const char *path, const struct receiver *receiver,
		struct error *err) MUST_CHECK;
/* GET of one long answer, which may be slow to begin. */
bool manager_fetch(struct manager *manager, const char *path, const struct receiver *receiver,
		struct error *err) MUST_CHECK;
bool manager_upload(struct manager *manager, const char *id, const char *file,
		struct error *err) MUST_CHECK;
/* tasks.c: a task that does not get its module does not stay. A file of NULL is none. */
bool upload_or_delete(struct manager *manager, const char *id, const char *file,
		struct error *err) MUST_CHECK;
char *task_path(const char *id, const char *rest) MUST_CHECK;

/* workload.c: from flags to a task's JSON; NULL with err. */
json_t *task_from_flags(const struct arguments *arguments, const char *name, struct error *err);
/* The id in the answer to a creation, borrowed; NULL with err where somebody else has answered. */
const char *task_id(const json_t *created, struct error *err);

/* wait.c: until the task is final; NULL with err. */
json_t *wait_final(struct manager *manager, const char *id, const char *timeout, struct error *err);
/* The exit code that a final task stands for, its output and error printed on the way. */
int finish_with(const json_t *task, bool show_output);

/* backup.c: what is wrong with the modules of a good backup, to standard error. */
void backup_warn(uint64_t missing, uint64_t damaged);

/* choose.c: where a stack's choices are, if it is not told; freed by the caller. */
char *up_folder(void) MUST_CHECK;

/* execute.c: a call in each mode, for `up --samples`, each with its receipt verified as what it is,
 * a sample's. False if one is wrong. */
bool execute_samples(unsigned port, const char *examples);

/* The handlers of all verbs. */
#define VERB(noun, name, handler, ...)                                                             \
	int handler(const struct arguments *arguments, struct error *err);
#include "cli/verbs.def"
#undef VERB
