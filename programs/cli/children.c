/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/children.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

enum {
	PAUSE_FIRST_MS = 250,
	PAUSE_MAX_MS = 5000,
	STEADY_MS = 10000,
	END_MS = 10000,
	TAIL_BYTES = 600
};

static void supervisor_signals(sigset_t *set) {
	(void)sigemptyset(set);
	(void)sigaddset(set, SIGINT);
	(void)sigaddset(set, SIGTERM);
	(void)sigaddset(set, SIGHUP);
	(void)sigaddset(set, SIGCHLD);
}

void signals_block(void) {
	sigset_t set;
	supervisor_signals(&set);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
}

bool signals_wait(uint64_t ms) {
	sigset_t set;
	const struct timespec time = clock_timespec(ms);
	supervisor_signals(&set);
	int number = sigtimedwait(&set, NULL, &time);
	return number == SIGINT || number == SIGTERM || number == SIGHUP;
}

/* In the child, between fork and exec: nothing here allocates. */
static NORETURN void become(char *const *argv, char *const *env, int log, pid_t parent) {
	sigset_t none;
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent) {
		_exit(127); /* it died meanwhile */
	}
	(void)setsid();
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	int null = open("/dev/null", O_RDONLY);
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(log, STDOUT_FILENO);
	(void)dup2(log, STDERR_FILENO);
	(void)execve(argv[0], argv, env);
	_exit(127);
}

/* NULL-ended, pointing into the list. */
static char **pointers(const struct strings *list) {
	char **array = mem_zero(list->count + 1, sizeof(*array));
	memcpy(array, list->items, list->count * sizeof(*array));
	return array;
}

static void add_inherited(struct strings *env, const char *name) {
	const char *value = getenv(name);
	if (value != NULL) {
		char *pair = str_format("%s=%s", name, value);
		strings_add(env, pair);
		free(pair);
	}
}

bool child_start(struct child *child, struct error *err) {
	struct strings env = { 0 };
	CLEANUP(file_closep)
	int log = open(child->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log < 0) {
		return error_errno(err, errno, "opening %s", child->log);
	}
	strings_copy(&env, &child->env);
	add_inherited(&env, "PATH");
	add_inherited(&env, "HOME");
	add_inherited(&env, "ASAN_OPTIONS");
	CLEANUP(mem_freep) char **argv = pointers(&child->argv);
	CLEANUP(mem_freep) char **environment = pointers(&env);
	pid_t parent = getpid(), pid = fork();
	if (pid == 0) {
		become(argv, environment, log, parent);
	}
	strings_finish(&env);
	if (pid < 0) {
		return error_errno(err, errno, "starting %s", child->name);
	}
	child->pid = pid;
	child->started_ms = clock_ms();
	child->restart_ms = 0;
	return true;
}

static void show_tail(const char *path) {
	char text[TAIL_BYTES + 1];
	CLEANUP(file_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t end = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
	ssize_t size = fd >= 0 ? pread(fd, text, TAIL_BYTES,
						 end > TAIL_BYTES ? end - TAIL_BYTES : 0)
			       : 0;
	if (size > 0) {
		text[size] = 0;
		const char *line = end > TAIL_BYTES ? strchr(text, '\n') : NULL;
		(void)fprintf(stderr, "%s\n", line != NULL ? line + 1 : text);
	}
}

static void note_death(struct child *child, int status) {
	uint64_t now = clock_ms();
	bool steady = now - child->started_ms > STEADY_MS;
	child->pause_ms = child->pause_ms == 0 || steady ? PAUSE_FIRST_MS : child->pause_ms * 2;
	child->pause_ms = child->pause_ms < PAUSE_MAX_MS ? child->pause_ms : PAUSE_MAX_MS;
	child->restart_ms = now + child->pause_ms;
	child->pid = 0;
	(void)fprintf(stderr, "%s died (%s %d), starting it again; its log ends (%s):\n",
			child->name, WIFSIGNALED(status) ? "signal" : "exit code",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), child->log);
	show_tail(child->log);
}

static void revive(struct child *child) {
	struct error err;
	if (!child_start(child, &err)) {
		(void)fprintf(stderr, "%s\n", err.message);
		child->restart_ms = clock_ms() + PAUSE_MAX_MS;
	}
}

uint64_t children_tend(struct child *children, size_t count) {
	uint64_t next = UINT64_MAX;
	for (size_t i = 0; i < count; i++) {
		struct child *child = &children[i];
		int status;
		if (child->pid != 0 && waitpid(child->pid, &status, WNOHANG) == child->pid) {
			note_death(child, status);
		}
		if (child->pid == 0 && child->restart_ms != 0 && child->restart_ms <= clock_ms()) {
			revive(child);
		}
		if (child->pid == 0 && child->restart_ms != 0 && child->restart_ms < next) {
			next = child->restart_ms;
		}
	}
	return next;
}

static void end_one(struct child *child) {
	uint64_t deadline = clock_ms() + END_MS;
	if (child->pid == 0) {
		return;
	}
	(void)kill(child->pid, SIGTERM);
	while (waitpid(child->pid, NULL, WNOHANG) == 0) {
		uint64_t now = clock_ms();
		if (now >= deadline) {
			(void)kill(child->pid, SIGKILL);
			(void)waitpid(child->pid, NULL, 0);
			break;
		}
		(void)signals_wait(deadline - now < 200 ? deadline - now
							: 200); /* SIGCHLD ends it early */
	}
	child->pid = 0;
}

void children_end(struct child *children, size_t count) {
	for (size_t i = count; i-- > 0;) {
		end_one(&children[i]);
	}
}

void child_finish(struct child *child) {
	free(child->name);
	free(child->log);
	strings_finish(&child->argv);
	strings_finish(&child->env);
}
