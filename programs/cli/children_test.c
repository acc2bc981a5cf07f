/* SPDX-License-Identifier: Apache-2.0 */
/* With shells for children. */
#include "cli/children.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

/* The clock stands still, or is made to hurry: so much at each look (--wrap, see meson.build). */
static uint64_t begin_ms, hurry_ms, ahead_ms;

uint64_t __real_clock_ms(void);
uint64_t __wrap_clock_ms(void);
uint64_t __wrap_clock_ms(void) {
	ahead_ms += hurry_ms;
	return begin_ms + ahead_ms;
}

static char folder[64];

static char *path_of(const char *name) {
	return str_format("%s/%s", folder, name);
}

static int set_up(void **state) {
	(void)state;
	hurry_ms = ahead_ms = 0;
	begin_ms = __real_clock_ms();
	(void)snprintf(folder, sizeof(folder), "/tmp/children_test.%d", (int)getpid());
	struct error err;
	return file_make_folder(folder, &err) ? 0 : 1;
}

static int tear_down(void **state) {
	static const char *const names[] = { "a", "b", "c", "order" };
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		CLEANUP(mem_freep) char *path = path_of(names[i]);
		(void)unlink(path);
	}
	return rmdir(folder);
}

/* A child that runs a script, its log beside the others. */
static struct child make(const char *name, const char *script) {
	struct child child = { .name = str_copy(name), .log = path_of(name) };
	strings_add(&child.argv, "/bin/sh");
	strings_add(&child.argv, "-c");
	strings_add(&child.argv, script);
	return child;
}

static void start(struct child *child) {
	struct error err;
	if (!child_start(child, &err)) {
		fail_msg("%s", err.message);
	}
	assert_true(child->pid > 0);
}

/* Its last breath; it is not reaped. */
static void await_end(const struct child *child) {
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT), 0);
}

static char text[4096];

static const char *content(const char *name) {
	struct buf buf = BUF_INIT(sizeof(text) - 1);
	struct error err;
	CLEANUP(mem_freep) char *path = path_of(name);
	assert_true(file_read(path, &buf, &err));
	(void)snprintf(text, sizeof(text), "%s", buf_text(&buf));
	buf_finish(&buf);
	return text;
}

/* What children_tend() returns, with what it said in `text`. */
static uint64_t tend(struct child *children, size_t count) {
	FILE *file = tmpfile();
	assert_non_null(file);
	(void)fflush(stderr);
	int kept = dup(STDERR_FILENO);
	(void)dup2(fileno(file), STDERR_FILENO);
	uint64_t next = children_tend(children, count);
	(void)fflush(stderr);
	(void)dup2(kept, STDERR_FILENO);
	(void)close(kept);
	rewind(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = 0;
	(void)fclose(file);
	return next;
}

static void expect_said(const char *part) {
	if (strstr(text, part) == NULL) {
		fail_msg("\"%s\" is not in: %s", part, text);
	}
}

/* What it gets: its words, its log, a session, and of our environment what it needs. */
static void what_a_child_gets(void **state) {
	(void)state;
	struct child child = make("a", "echo out; echo err >&2; read line; echo \"read:$line\"; "
				       "echo $OWN $SECRET; echo \"home=$HOME\"");
	(void)setenv("SECRET", "secret", 1);
	(void)setenv("HOME", "/nowhere", 1);
	strings_add(&child.env, "OWN=own");
	start(&child);
	await_end(&child);
	assert_string_equal(content("a"), "out\nerr\nread:\nown\nhome=/nowhere\n");
	(void)tend(&child, 1);
	start(&child); /* its log goes on */
	await_end(&child);
	assert_true(strlen(content("a")) == 2 * strlen("out\nerr\nread:\nown\nhome=/nowhere\n"));
	children_end(&child, 1);
	assert_int_equal(child.pid, 0);
	child_finish(&child);
}

static void the_dead_are_told_and_started_again(void **state) {
	(void)state;
	struct child children[] = { make("a", "echo last words; exit 3"), make("b", "exit 0"),
		make("c", "kill -9 $$") };
	start(&children[0]);
	start(&children[2]);
	await_end(&children[0]);
	await_end(&children[2]);
	uint64_t before = clock_ms(), next = tend(children, 3);
	expect_said("a died (exit code 3)");
	expect_said("last words\n");
	expect_said("c died (signal 9)");
	assert_true(children[0].pid == 0 && children[2].pid == 0);
	assert_in_range(next, before + 250, clock_ms() + 250);
	assert_true(next == children[0].restart_ms || next == children[2].restart_ms);
	(void)tend(children, 3);
	assert_string_equal(text, ""); /* once, and it is not time yet */
	assert_int_equal(children[0].pid, 0);
	ahead_ms = 250;
	children[2].restart_ms += 1000000;
	assert_true(tend(children, 3) == children[2].restart_ms);
	assert_true(children[0].pid > 0);
	assert_int_equal(children[1].pid, 0); /* it was never started */
	children_end(children, 3);
	for (size_t i = 0; i < 3; i++) {
		child_finish(&children[i]);
	}
}

static void the_pauses_grow(void **state) {
	(void)state;
	static const uint64_t pauses[] = { 250, 500, 1000, 2000, 4000, 5000, 5000 };
	struct child child = make("a", "exit 0");
	for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		start(&child);
		await_end(&child);
		(void)tend(&child, 1);
		assert_int_equal(child.pause_ms, pauses[i]);
	}
	start(&child);
	await_end(&child);
	ahead_ms += 10001; /* it was steady */
	(void)tend(&child, 1);
	assert_int_equal(child.pause_ms, 250);
	child_finish(&child);
}

static void only_the_end_of_a_log_is_shown(void **state) {
	(void)state;
	struct child child =
			make("a", "i=0; while [ $i -lt 200 ]; do echo line $i; i=$((i+1)); done");
	start(&child);
	await_end(&child);
	(void)tend(&child, 1);
	expect_said("line 199\n");
	expect_said("):\nline 1"); /* begins with a whole line */
	assert_null(strstr(text, "line 99\n"));
	child_finish(&child);
}

static void what_cannot_be_started(void **state) {
	(void)state;
	struct error err;
	struct child child = make("a", "");
	str_set(&child.argv.items[0], "/nowhere/program");
	start(&child); /* the program is looked for in the child */
	await_end(&child);
	(void)tend(&child, 1);
	expect_said("a died (exit code 127)");
	str_set(&child.log, "/nowhere/log");
	ahead_ms = 250;
	uint64_t before = clock_ms(), next = tend(&child, 1);
	expect_said("opening /nowhere/log");
	assert_in_range(next, before + 5000, clock_ms() + 5000);
	assert_false(child_start(&child, &err));
	assert_int_equal(child.pid, 0);
	child_finish(&child);
}

/* Who was started last ends first: nobody loses what it talks to. */
static void the_last_ends_first(void **state) {
	(void)state;
	static const char *const names[] = { "a", "b", "c" };
	struct child children[3];
	signals_block();
	for (size_t i = 0; i < 3; i++) {
		children[i] = make(names[i], "trap 'echo $NAME >> $ORDER; exit' TERM; echo ready; "
					     "while :; do sleep 0.01; done");
		CLEANUP(mem_freep) char *name = str_format("NAME=%s", names[i]);
		CLEANUP(mem_freep) char *order = str_format("ORDER=%s/order", folder);
		strings_add(&children[i].env, name);
		strings_add(&children[i].env, order);
		start(&children[i]);
		for (uint64_t end = __real_clock_ms() + 60000;
				strcmp(content(names[i]), "ready\n") != 0;) {
			assert_true(__real_clock_ms() < end);
			(void)signals_wait(1);
		}
		assert_int_equal(getsid(children[i].pid), children[i].pid); /* Ctrl-C is ours */
	}
	children_end(children, 3);
	assert_string_equal(content("order"), "c\nb\na\n");
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(children[i].pid, 0);
		child_finish(&children[i]);
	}
}

static void who_does_not_want_to_end_is_killed(void **state) {
	(void)state;
	struct child child = make("a", "trap '' TERM; echo ready; exec sleep 1000");
	start(&child);
	while (strcmp(content("a"), "ready\n") != 0) {
		(void)signals_wait(1);
	}
	pid_t pid = child.pid;
	uint64_t before = ahead_ms;
	hurry_ms = 6000; /* ten seconds are over soon */
	children_end(&child, 1);
	assert_true(ahead_ms - before >= 10000);
	assert_true(kill(pid, 0) != 0);
	assert_int_equal(child.pid, 0);
	child_finish(&child);
}

/* Also when we are killed: nobody is left behind. */
static void they_die_with_us(void **state) {
	(void)state;
	struct child child = make("a", "echo ready; exec sleep 1000");
	int ends[2], status;
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(pipe(ends), 0);
	pid_t supervisor = fork();
	if (supervisor == 0) {
		struct error err;
		bool ok = child_start(&child, &err);
		while (ok && strcmp(content("a"), "ready\n") != 0) {
			(void)signals_wait(1);
		}
		ok = ok && write(ends[1], &child.pid, sizeof(child.pid)) == sizeof(child.pid);
		(void)kill(getpid(), SIGKILL);
		_exit(1);
	}
	pid_t orphan;
	assert_int_equal(read(ends[0], &orphan, sizeof(orphan)), sizeof(orphan));
	assert_int_equal(waitpid(supervisor, &status, 0), supervisor);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	uint64_t deadline = __real_clock_ms() + 60000;
	pid_t ended = 0;
	while (ended == 0 && __real_clock_ms() < deadline) {
		(void)signals_wait(1);
		ended = waitpid(orphan, &status, WNOHANG);
	}
	if (ended == 0) {
		(void)kill(orphan, SIGKILL);
		(void)waitpid(orphan, &status, 0);
	}
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	(void)close(ends[0]);
	(void)close(ends[1]);
	child_finish(&child);
}

static void which_signals_are_an_end(void **state) {
	(void)state;
	static const struct {
		int number;
		bool end;
	} rows[] = { { SIGINT, true }, { SIGTERM, true }, { SIGHUP, true }, { SIGCHLD, false } };
	signals_block();
	while (signals_wait(0)) {
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(raise(rows[i].number), 0);
		assert_int_equal(signals_wait(20000), rows[i].end);
	}
	assert_false(signals_wait(1));
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_FOLDER(what_a_child_gets),
		WITH_FOLDER(the_dead_are_told_and_started_again),
		WITH_FOLDER(the_pauses_grow),
		WITH_FOLDER(only_the_end_of_a_log_is_shown),
		WITH_FOLDER(what_cannot_be_started),
		WITH_FOLDER(the_last_ends_first),
		WITH_FOLDER(who_does_not_want_to_end_is_killed),
		WITH_FOLDER(they_die_with_us),
		WITH_FOLDER(which_signals_are_an_end),
	};
	return cmocka_run_group_tests_name("cli/children", tests, NULL, NULL);
}
