/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/supervise.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/clock.h"

enum { GRACE_MS = 30 }; /* between SIGTERM and SIGKILL; a stop has 100 ms in all */

struct supervisor {
	pid_t pid;   /* the runtime, and its process group */
	int signals; /* readable when a child has ended */
	bool asked;
	uint64_t kill_ms;
	int status; /* of the runtime, as wait() tells it */
};

/* In the child. The supervisor has one thread, so its death is the death of that thread. */
NORETURN static void become_runtime(char **argv, pid_t supervisor) {
	sigset_t none;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setpgid(0, 0);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (getppid() == supervisor) {
		execvp(argv[0], argv);
		(void)fprintf(stderr, SUPERVISE_SAYS "%s: %s\n", argv[0], strerror(errno));
	}
	_exit(SUPERVISE_FAILED);
}

static bool start(struct supervisor *it, char **argv) {
	pid_t self = getpid();
	it->pid = fork();
	if (it->pid == 0) {
		become_runtime(argv, self);
	}
	(void)setpgid(it->pid, it->pid); /* whoever of both is first */
	return it->pid > 0;
}

/* True when the runtime has ended; it is not reaped yet, so that its group's id stays its. */
static bool has_ended(const struct supervisor *it) {
	siginfo_t info = { 0 };
	return waitid(P_PID, (id_t)it->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == it->pid;
}

/* Orphans that were adopted and have ended; the runtime itself waits for reap(). */
static void reap_orphans(const struct supervisor *it) {
	siginfo_t info = { 0 };
	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0 &&
			info.si_pid != it->pid) {
		(void)waitpid(info.si_pid, NULL, 0);
		info.si_pid = 0;
	}
}

static void reap(struct supervisor *it) {
	while (waitpid(it->pid, &it->status, 0) < 0 && errno == EINTR) {
	}
}

/* Sends SIGKILL to every child there is; false if there is none, or none can be seen. */
static bool kill_children(void) {
	FILE *file = fopen("/proc/thread-self/children", "re");
	long pid;
	bool any = false;
	while (file != NULL && fscanf(file, "%ld", &pid) == 1) {
		(void)kill((pid_t)pid, SIGKILL);
		any = true;
	}
	if (file != NULL) {
		(void)fclose(file);
	}
	return any;
}

/*
 * A killed process has handed its children over before it can be waited for: so whoever is left
 * below is a child of ours then, until there is nobody. What was forked meanwhile is met in the
 * next round.
 */
static void kill_rest(void) {
	while (kill_children() && waitpid(-1, NULL, 0) > 0) {
	}
}

static void ask_to_end(struct supervisor *it) {
	if (!it->asked) {
		it->asked = true;
		it->kill_ms = clock_ms() + GRACE_MS;
		(void)kill(-it->pid, SIGTERM);
	}
}

static int time_left(const struct supervisor *it) {
	uint64_t now = clock_ms();
	if (!it->asked || it->kill_ms == UINT64_MAX) {
		return -1;
	}
	return it->kill_ms > now ? (int)(it->kill_ms - now) : 0;
}

static void attend(struct supervisor *it) {
	while (!has_ended(it)) {
		struct pollfd fd = { .fd = it->signals, .events = POLLIN };
		struct signalfd_siginfo info;
		(void)poll(&fd, 1, time_left(it));
		if (read(it->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
			if (info.ssi_signo == SIGTERM) {
				ask_to_end(it);
			}
			reap_orphans(it);
		}
		if (it->asked && clock_ms() >= it->kill_ms) {
			it->kill_ms = UINT64_MAX;
			(void)kill(-it->pid, SIGKILL);
			(void)kill(it->pid, SIGKILL); /* it may have joined another group */
		}
	}
}

static bool prepare(struct supervisor *it) {
	sigset_t set;
	sigfillset(&set);
	if (sigprocmask(SIG_SETMASK, &set, NULL) != 0) {
		return false;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	it->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return it->signals >= 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
}

/* As the runtime did, so that whoever waits for us sees it. */
static int end_as(int status) {
	if (WIFSIGNALED(status)) {
		const struct rlimit none = { 0, 0 };
		sigset_t set;
		(void)setrlimit(RLIMIT_CORE, &none);
		(void)signal(WTERMSIG(status), SIG_DFL);
		sigemptyset(&set);
		(void)sigprocmask(SIG_SETMASK, &set, NULL);
		(void)raise(WTERMSIG(status));
	}
	return WEXITSTATUS(status);
}

int supervise(char **argv) {
	struct supervisor it = { .signals = -1, .kill_ms = UINT64_MAX };
	if (!prepare(&it) || !start(&it, argv)) {
		(void)fprintf(stderr, SUPERVISE_SAYS "%s: %s\n", argv[0], strerror(errno));
		return SUPERVISE_FAILED;
	}
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		(void)close(fd); /* the runtime's, not ours */
	}
	attend(&it);
	(void)kill(-it.pid, SIGKILL);
	reap(&it);
	kill_rest();
	return end_as(it.status);
}
