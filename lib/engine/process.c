/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/gauge.h"
#include "engine/stop.h"

enum { READ_SIZE = 64 * 1024 };

struct process {
	const struct process_request *request;
	struct process_outcome *outcome;
	pid_t pid; /* and its process group */
	int pidfd, out, err, wake;
	int child_in, child_out, child_err; /* its ends, until it runs */
	uint64_t late_ms, kill_ms;
};

/* The input is a file in memory: nobody has to write while the process reads. */
static int input_open(struct bytes input) {
	int fd = memfd_create("input", MFD_CLOEXEC);
	size_t done = 0;
	while (fd >= 0 && done < input.size) {
		ssize_t wrote = write(fd, input.data + done, input.size - done);
		if (wrote < 0 && errno != EINTR) {
			file_closep(&fd);
			return -1;
		}
		done += wrote > 0 ? (size_t)wrote : 0;
	}
	if (fd >= 0) {
		(void)lseek(fd, 0, SEEK_SET);
	}
	return fd;
}

static bool output_open(int *ours, int *childs) {
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0) {
		return false;
	}
	*ours = ends[0];
	*childs = ends[1];
	return fcntl(*ours, F_SETFL, O_NONBLOCK) == 0;
}

static bool open_all(struct process *process, struct error *err) {
	const struct process_request *request = process->request;
	process->child_in = request->input_fd > 0 ? fcntl(request->input_fd, F_DUPFD_CLOEXEC, 0)
						  : input_open(request->input);
	process->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	bool ok = process->child_in >= 0 && process->wake >= 0 &&
		  output_open(&process->out, &process->child_out) &&
		  output_open(&process->err, &process->child_err);
	return ok || error_errno(err, errno, "making pipes for a child");
}

static void close_childs(struct process *process) {
	file_closep(&process->child_in);
	file_closep(&process->child_out);
	file_closep(&process->child_err);
}

static void close_all(struct process *process) {
	close_childs(process);
	file_closep(&process->out);
	file_closep(&process->err);
	file_closep(&process->wake);
	file_closep(&process->pidfd);
}

static void spawn_attributes(posix_spawnattr_t *attributes) {
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(attributes);
	posix_spawnattr_setpgroup(attributes, 0);
	posix_spawnattr_setsigmask(attributes, &none);
	posix_spawnattr_setsigdefault(attributes, &all);
	posix_spawnattr_setflags(attributes,
			POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static void spawn_files(posix_spawn_file_actions_t *files, const struct process *process) {
	posix_spawn_file_actions_init(files);
	posix_spawn_file_actions_adddup2(files, process->child_in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(files, process->child_out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(files, process->child_err, STDERR_FILENO);
	int next = STDERR_FILENO + 1;
	if (process->request->extra_fd > 0) {
		posix_spawn_file_actions_adddup2(files, process->request->extra_fd, next++);
	}
	posix_spawn_file_actions_addclosefrom_np(files, next);
}

/* Our own compiler, when it was built with one. */
static const char *sanitizer_options(void) {
#ifdef SANITIZED
	extern char **environ;
	for (char **entry = environ; *entry != NULL; entry++) {
		if (str_starts(*entry, "TSAN_OPTIONS=")) {
			return *entry;
		}
	}
#endif
	return NULL;
}

static void add_own(struct strings *env, const char *name, const char *otherwise) {
	const char *value = getenv(name);
	CLEANUP(mem_freep)
	char *text = str_format("%s=%s", name, value != NULL ? value : otherwise);
	strings_add(env, text);
}

/* Nothing else of our own environment may leak, it holds secrets. */
static void environment_of(const struct process_request *request, struct strings *env) {
	add_own(env, "PATH", "/usr/bin:/bin");
	add_own(env, "HOME", "/");
	const char *sanitizer = sanitizer_options();
	if (sanitizer != NULL) {
		strings_add(env, sanitizer);
	}
	for (size_t i = 0; request->env != NULL && i < request->env->count; i++) {
		strings_add(env, request->env->items[i]);
	}
}

static int spawn(struct process *process) {
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_t files;
	CLEANUP(strings_finish) struct strings env = { 0 };
	environment_of(process->request, &env);
	CLEANUP(mem_freep) char **environment = strings_argv(&env);
	spawn_attributes(&attributes);
	spawn_files(&files, process);
	char **argv = process->request->argv;
	int rc = posix_spawnp(&process->pid, argv[0], &files, &attributes, argv, environment);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	return rc;
}

/* Its group too; for its own sake the process has not been reaped yet, so the id is still its. */
static void kill_group(const struct process *process, int signal) {
	(void)kill(-process->pid, signal);
}

static void reap(struct process *process) {
	struct rusage usage = { 0 };
	gauge_process(process->request->gauge, 0, false);
	while (wait4(process->pid, &process->outcome->status, 0, &usage) < 0 && errno == EINTR) {
	}
	process->outcome->memory_bytes = (uint64_t)usage.ru_maxrss * 1024;
}

static bool start(struct process *process, struct error *err) {
	int rc = spawn(process);
	if (rc != 0) {
		error_errno(err, rc, "starting %s", process->request->argv[0]);
		err->code = ERROR_UNAVAILABLE;
		return false;
	}
	close_childs(process);
	process->pidfd = pidfd_open(process->pid, 0);
	if (process->pidfd < 0) {
		int number = errno;
		kill_group(process, SIGKILL);
		reap(process);
		return error_errno(err, number, "watching a child");
	}
	gauge_process(process->request->gauge, process->pid, process->request->supervisor);
	return true;
}

/* Reads what is there; closes at the end. */
static void drain(struct process *process, int *fd, struct buf *out) {
	uint8_t bytes[READ_SIZE];
	while (*fd >= 0) {
		ssize_t got = read(*fd, bytes, sizeof(bytes));
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0 && errno == EAGAIN) {
			return;
		}
		if (got <= 0) {
			file_closep(fd);
			return;
		}
		if (buf_append_some(out, bytes, (size_t)got) < (size_t)got) {
			process->outcome->truncated = true;
		}
		if (got < (ssize_t)sizeof(bytes)) {
			return;
		}
	}
}

/* Asks it to go, once, and remembers when it has to be gone. */
static void end(struct process *process, enum process_end why) {
	if (process->outcome->end == PROCESS_ENDED) {
		process->outcome->end = why;
		uint64_t grace_ms = process->request->grace_ms;
		process->kill_ms = clock_ms() + (grace_ms != 0 ? grace_ms : PROCESS_GRACE_MS);
		process->late_ms = UINT64_MAX;
		kill_group(process, SIGTERM);
	}
}

static void check_time(struct process *process) {
	uint64_t now = clock_ms();
	if (now >= process->late_ms) {
		end(process, PROCESS_LATE);
	}
	if (now >= process->kill_ms) {
		process->kill_ms = UINT64_MAX;
		kill_group(process, SIGKILL);
	}
}

static int timeout_of(const struct process *process) {
	uint64_t next = process->late_ms < process->kill_ms ? process->late_ms : process->kill_ms;
	uint64_t now = clock_ms();
	uint64_t left = next > now ? next - now : 0;
	return next == UINT64_MAX ? -1 : left < 60000 ? (int)left : 60000;
}

static void attend(struct process *process) {
	for (bool running = true; running;) {
		struct pollfd fds[] = {
			{ .fd = process->pidfd, .events = POLLIN },
			{ .fd = process->wake, .events = POLLIN },
			{ .fd = process->out, .events = POLLIN },
			{ .fd = process->err, .events = POLLIN },
		};
		(void)poll(fds, sizeof(fds) / sizeof(fds[0]), timeout_of(process));
		running = fds[0].revents == 0;
		if (fds[1].revents != 0) {
			uint64_t count;
			(void)!read(process->wake, &count, sizeof(count));
			end(process, PROCESS_STOPPED);
		}
		check_time(process);
		drain(process, &process->out, &process->outcome->out);
		drain(process, &process->err, &process->outcome->err);
	}
}

static void wake(void *context) {
	const struct process *process = context;
	const uint64_t one = 1;
	(void)!write(process->wake, &one, sizeof(one));
}

/* Runs it to its end. What it leaves behind in its group goes with it. */
static bool complete(struct process *process, struct error *err) {
	if (!start(process, err)) {
		return false;
	}
	attend(process);
	kill_group(process, SIGKILL);
	reap(process);
	drain(process, &process->out, &process->outcome->out);
	drain(process, &process->err, &process->outcome->err);
	return true;
}

bool process_run(const struct process_request *request, struct process_outcome *outcome,
		struct error *err) {
	bool limited = request->wall_ms != 0 && request->wall_ms < UINT64_MAX / 2;
	struct process process = {
		.request = request,
		.outcome = outcome,
		.pidfd = -1,
		.out = -1,
		.err = -1,
		.wake = -1,
		.child_in = -1,
		.child_out = -1,
		.child_err = -1,
		.late_ms = limited ? clock_ms() + request->wall_ms : UINT64_MAX,
		.kill_ms = UINT64_MAX,
	};
	bool ok = open_all(&process, err);
	if (ok && !stop_watch(request->stop, wake, &process)) {
		ok = error_set(err, ERROR_INTERRUPTED, "the run was stopped before it began");
	} else if (ok) {
		ok = complete(&process, err);
		stop_unwatch(request->stop);
	}
	close_all(&process);
	return ok;
}
