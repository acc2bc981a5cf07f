/* SPDX-License-Identifier: Apache-2.0 */
#include "image/credential_program.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/str.h"

enum { TIMEOUT_MS = 30000, LOOK_MS = 100, ANSWER_MAX = 64 * 1024, NAME_MAX_HERE = 100 };

/* What a helper says when it has nothing (docker-credential-helpers), which is no failure. */
static const char nothing_found[] = "credentials not found";

static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

bool credential_program_valid(const char *name) {
	size_t size = strlen(name);
	return size != 0 && size <= NAME_MAX_HERE && strchr("._-", name[0]) == NULL &&
	       strspn(name, allowed) == size;
}

/* --- the program -------------------------------------------------------------------------------
 */

static bool is_program(const char *path) {
	struct stat info;
	return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

/* Never in the folder that we happen to be in: only absolute ones count. */
static char *find_program(const char *name, struct error *err) {
	const char *path = getenv("PATH");
	struct strings folders = { 0 };
	char *found = NULL;
	strings_split(&folders, path != NULL ? path : "/usr/local/bin:/usr/bin:/bin", ':');
	for (size_t i = 0; i < folders.count && found == NULL; i++) {
		CLEANUP(mem_freep)
		char *file = str_format("%s/docker-credential-%s", folders.items[i], name);
		if (file[0] == '/' && is_program(file)) {
			found = str_copy(file);
		}
	}
	strings_finish(&folders);
	if (found == NULL) {
		error_set(err, ERROR_NOT_FOUND,
				"there is no program docker-credential-%s in the folders of PATH",
				name);
	}
	return found;
}

/* Helpers need all kinds of variables, but none of ours, which hold secrets. */
static bool is_ours(const char *entry) {
	static const char *const prefixes[] = { "PROXY_", "MANAGER_", "PROPLET_", "EXECUTOR_",
		"CREDENTIALS_DIRECTORY=", "NOTIFY_SOCKET=" };
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (str_starts(entry, prefixes[i])) {
			return true;
		}
	}
	return false;
}

static void copy_environment(struct strings *env) {
	for (char **entry = environ; *entry != NULL; entry++) {
		if (!is_ours(*entry)) {
			strings_add(env, *entry);
		}
	}
}

/* --- one question ------------------------------------------------------------------------------
 */

struct asking {
	const struct credential_question *question;
	char *path;
	pid_t pid; /* and its process group */
	int pidfd;
	int in[2], out[2]; /* read ends first */
	struct buf said;   /* secret */
	uint64_t until_ms;
};

static void attributes_of(posix_spawnattr_t *attributes) {
	sigset_t none, all;
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawnattr_init(attributes);
	(void)posix_spawnattr_setpgroup(attributes, 0);
	(void)posix_spawnattr_setsigmask(attributes, &none);
	(void)posix_spawnattr_setsigdefault(attributes, &all);
	(void)posix_spawnattr_setflags(attributes,
			POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static void files_of(const struct asking *it, posix_spawn_file_actions_t *files) {
	(void)posix_spawn_file_actions_init(files);
	(void)posix_spawn_file_actions_adddup2(files, it->in[0], STDIN_FILENO);
	(void)posix_spawn_file_actions_adddup2(files, it->out[1], STDOUT_FILENO);
	(void)posix_spawn_file_actions_addopen(files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	(void)posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1);
}

static bool start(struct asking *it, struct error *err) {
	char get[] = "get";
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_t files;
	struct strings env = { 0 };
	copy_environment(&env);
	CLEANUP(mem_freep) char **environment = strings_argv(&env);
	char *argv[] = { it->path, get, NULL };
	attributes_of(&attributes);
	files_of(it, &files);
	int code = posix_spawn(&it->pid, it->path, &files, &attributes, argv, environment);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&attributes);
	strings_finish(&env);
	if (code != 0) {
		error_errno(err, code, "starting %s", it->path);
		err->code = ERROR_UNAVAILABLE;
		return false;
	}
	file_closep(&it->in[0]);
	file_closep(&it->out[1]);
	return true;
}

/* The question fits into an empty pipe, so that nobody has to wait to write it. */
static bool put_question(struct asking *it, struct error *err) {
	const char *server = it->question->server;
	size_t size = strlen(server);
	if (pipe2(it->in, O_CLOEXEC) != 0 || pipe2(it->out, O_CLOEXEC | O_NONBLOCK) != 0 ||
			fcntl(it->out[1], F_SETFL, 0) != 0) {
		return error_errno(err, errno, "pipes for docker-credential-%s",
				it->question->program);
	}
	if (size > PIPE_BUF || write(it->in[1], server, size) != (ssize_t)size) {
		return error_set(err, ERROR_INVALID, "the name of the registry is too long");
	}
	file_closep(&it->in[1]);
	return true;
}

static void hear(struct asking *it) {
	uint8_t bytes[4096];
	ssize_t got;
	while ((got = read(it->out[0], bytes, sizeof(bytes))) > 0) {
		(void)buf_append_some(&it->said, bytes, (size_t)got);
		explicit_bzero(bytes, sizeof(bytes));
	}
}

static bool check(const struct asking *it, struct error *err) {
	const struct credential_question *question = it->question;
	if (clock_ms() >= it->until_ms) {
		return error_set(err, ERROR_TIMEOUT, "docker-credential-%s did not answer in time",
				question->program);
	}
	return question->may_wait == NULL || question->may_wait(question->context, err);
}

/* Until it ends; what it has started may hold its output for longer. */
static bool await_end(struct asking *it, struct error *err) {
	struct pollfd fds[] = { { .fd = it->pidfd, .events = POLLIN },
		{ .fd = it->out[0], .events = POLLIN } };
	do {
		if (!check(it, err)) {
			return false;
		}
		(void)poll(fds, 2, LOOK_MS);
		hear(it);
		fds[1].fd = fds[1].revents & POLLHUP ? -1 : fds[1].fd;
	} while (fds[0].revents == 0);
	hear(it);
	return true;
}

/* True when it has ended by itself; its status in *status. What it has started goes with it. */
static bool run(struct asking *it, int *status, struct error *err) {
	if (!put_question(it, err) || !start(it, err)) {
		return false;
	}
	it->pidfd = pidfd_open(it->pid, 0);
	bool ended = it->pidfd >= 0 ? await_end(it, err)
				    : error_errno(err, errno, "watching %s", it->path);
	(void)kill(-it->pid, SIGKILL);
	while (waitpid(it->pid, status, 0) < 0 && errno == EINTR) {
	}
	return ended;
}

static void finish(struct asking *it) {
	file_closep(&it->in[0]);
	file_closep(&it->in[1]);
	file_closep(&it->out[0]);
	file_closep(&it->out[1]);
	file_closep(&it->pidfd);
	if (it->said.data != NULL) {
		explicit_bzero(it->said.data, it->said.capacity);
	}
	buf_finish(&it->said);
	free(it->path);
}

/* --- what it said ------------------------------------------------------------------------------
 */

static bool failed(const struct credential_question *question, const char *how, struct error *err) {
	return error_set(err, ERROR_UNAVAILABLE, "docker-credential-%s %s for %.200s",
			question->program, how, question->server);
}

static void wipe_text(json_t *object, const char *name) {
	json_t *text = json_object_get(object, name);
	if (json_is_string(text)) {
		explicit_bzero((char *)(uintptr_t)json_string_value(text),
				json_string_length(text));
	}
}

static bool take(const struct credential_question *question, json_t *object,
		struct credential_answer *answer, struct error *err) {
	const char *name = json_string_value(json_object_get(object, "Username"));
	const char *secret = json_string_value(json_object_get(object, "Secret"));
	if (name == NULL || secret == NULL) {
		return failed(question, "gave no answer that can be understood", err);
	}
	if (str_equal(name, "<token>")) {
		return error_set(err, ERROR_UNSUPPORTED,
				"docker-credential-%s has an identity token for %.200s: only names "
				"with passwords are taken",
				question->program, question->server);
	}
	if (name[0] != 0 && secret[0] != 0) { /* else: nobody is logged in */
		answer->username = str_copy(name);
		answer->password = str_copy(secret);
	}
	return true;
}

static bool understand(const struct asking *it, int status, struct credential_answer *answer,
		struct error *err) {
	const struct bytes said = { it->said.data, it->said.size };
	json_error_t where;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		return (said.size != 0 && str_starts(buf_text(&it->said), nothing_found)) ||
		       failed(it->question, "failed", err);
	}
	json_t *object = said.size != 0 ? json_loadb((const char *)said.data, said.size, 0, &where)
					: NULL;
	bool ok = take(it->question, object, answer, err);
	wipe_text(object, "Secret");
	json_decref(object);
	return ok;
}

bool credential_program_ask(const struct credential_question *question,
		struct credential_answer *answer, struct error *err) {
	unsigned timeout_ms = question->timeout_ms != 0 ? question->timeout_ms : TIMEOUT_MS;
	struct asking it = { .question = question,
		.in = { -1, -1 },
		.out = { -1, -1 },
		.pidfd = -1,
		.said = BUF_INIT(ANSWER_MAX),
		.until_ms = clock_ms() + timeout_ms };
	int status = -1;
	*answer = (struct credential_answer){ 0 };
	it.path = find_program(question->program, err);
	/* All at once: what grows leaves copies behind. */
	bool ok = it.path != NULL && buf_reserve(&it.said, ANSWER_MAX, err) &&
		  run(&it, &status, err) && understand(&it, status, answer, err);
	finish(&it);
	return ok;
}
