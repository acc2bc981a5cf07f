/* SPDX-License-Identifier: Apache-2.0 */
/* Kind external, with shell scripts as runtimes: they show what they are given. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/fixture.h"

#include "base/clock.h"
#include "base/file.h"
#include "engine/child.h"

static char folder[] = "/tmp/airscrew-external-XXXXXX";
static const char add[] = "(module (func (export \"add\")) (func (export \"_start\")))";

/* An engine whose runtime is this script. */
static void use_runtime(const char *script) {
	struct error err;
	CLEANUP(mem_freep) char *path = str_format("%s/runtime", folder);
	CLEANUP(mem_freep) char *text = str_format("#!/bin/sh\n%s\n", script);
	CLEANUP(mem_freep) char *modules = str_format("%s/modules", folder);
	assert_true(file_write(path, text, strlen(text), 0700, &err));
	engine_destroy(engine);
	engine = engine_make(&(struct engine_options){
			.external = path, .folder = modules, .self = "/proc/self/exe" });
	assert_non_null(engine);
	assert_true(engine_offers(engine, ENGINE_EXTERNAL));
}

static int setup(void **state) {
	(void)state;
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int teardown(void **state) {
	(void)state;
	engine_destroy(engine);
	CLEANUP(mem_freep) char *path = str_format("%s/runtime", folder);
	CLEANUP(mem_freep) char *modules = str_format("%s/modules", folder);
	return unlink(path) == 0 && rmdir(modules) == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void the_command_line_is_propellers(void **state) {
	(void)state;
	use_runtime("for word; do case $word in */*.wasm) echo FILE;; *) echo \"[$word]\";; esac; "
		    "done");
	struct module *module = compile(ENGINE_EXTERNAL, add);
	struct trial trial = trial_new();
	trial.request.name = "add";
	trial.request.args = TEXTS("--dir", "a b");
	trial.request.env = TEXTS("X=1", "Y=", "LD_PRELOAD=x");
	trial.request.inputs = TEXTS("10", "20");
	trial_run(&trial, module);
	assert_true(trial.ok && trial.result.exited && !trial.result.has_values);
	assert_string_equal(buf_text(&trial.result.stdout_bytes),
			"[run]\n[--invoke]\n[add]\n[--dir]\n[a "
			"b]\n[--env]\n[X]\n[--env]\n[Y]\n[--env]\n[LD_PRELOAD=x]\nFILE\n[10]\n"
			"[20]\n");
	assert_string_equal(trial.result.values, "");
	run_result_finish(&trial.result);
	trial.request = (struct run_request){ .name = "other", .limits = trial.request.limits };
	trial_run(&trial, module);
	assert_string_equal(buf_text(&trial.result.stdout_bytes), "[run]\nFILE\n");
	run_result_finish(&trial.result);
	trial.request.invoke = "nope";
	trial_run(&trial, module);
	assert_failed(&trial, ERROR_INVALID, "there is no exported function \"nope\"");
	trial_finish(&trial);
	module_destroy(module);
}

static void a_module_is_a_private_file_while_it_lives(void **state) {
	(void)state;
	use_runtime("for word; do file=$word; done; stat -c %a \"$file\"; cat \"$file\"");
	struct module *module = compile(ENGINE_EXTERNAL, add);
	wasm_byte_vec_t wasm = wasm_of(add);
	assert_int_equal(module_size(module), wasm.size);
	struct trial trial = trial_new();
	trial_run(&trial, module);
	assert_true(trial.ok);
	assert_int_equal(trial.result.stdout_bytes.size, 4 + wasm.size);
	assert_memory_equal(trial.result.stdout_bytes.data, "600\n", 4);
	assert_memory_equal(trial.result.stdout_bytes.data + 4, wasm.data, wasm.size);
	wasm_byte_vec_delete(&wasm);
	trial_finish(&trial);
	module_destroy(module);
	CLEANUP(mem_freep) char *modules = str_format("%s/modules", folder);
	assert_int_equal(rmdir(modules), 0); /* it is empty again */
	assert_int_equal(mkdir(modules, 0700), 0);
}

static void nothing_of_ours_is_inherited(void **state) {
	(void)state;
	setenv("AIRSCREW_TEST_SECRET", "hunter2", 1);
	int leak = dup(1); /* not close-on-exec */
	use_runtime("env | grep -v TSAN_OPTIONS | cut -d= -f1 | sort | tr '\\n' ' '; ls "
		    "/proc/self/fd | wc -l");
	struct module *module = compile(ENGINE_EXTERNAL, add);
	struct trial trial = trial_new();
	trial_run(&trial, module);
	assert_true(trial.ok);
	/* PWD and _ are the shell's; ls has its folder open besides the three. */
	assert_string_equal(buf_text(&trial.result.stdout_bytes), "HOME PATH PWD 4\n");
	close(leak);
	trial_finish(&trial);
	module_destroy(module);
}

static void streams_and_exit_code_come_back(void **state) {
	(void)state;
	use_runtime("cat; echo oh dear >&2; exit 7");
	struct module *module = compile(ENGINE_EXTERNAL, add);
	struct trial trial = trial_new();
	trial.request.input = (struct bytes){ (const uint8_t *)"hello", 5 };
	trial_run(&trial, module);
	assert_true(trial.ok && trial.result.exited);
	assert_int_equal(trial.result.exit_code, 7);
	assert_string_equal(buf_text(&trial.result.stdout_bytes), "hello");
	assert_string_equal(buf_text(&trial.result.stderr_bytes), "oh dear\n");
	assert_true(trial.result.memory_bytes > 100000);
	trial_finish(&trial);
	module_destroy(module);
}

/* A megabyte in, more than a pipe holds out on both streams: nobody waits for the other. */
static void much_output_is_drained_and_cut(void **state) {
	(void)state;
	use_runtime("head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; cat");
	struct module *module = compile(ENGINE_EXTERNAL, add);
	struct trial trial = trial_new();
	uint8_t *input = mem_zero(1 << 20, 1);
	trial.request.input = (struct bytes){ input, 1 << 20 };
	trial_run(&trial, module);
	assert_true(trial.ok && trial.result.truncated);
	assert_int_equal(trial.result.stdout_bytes.size, 4096);
	assert_int_equal(trial.result.stderr_bytes.size, 4096);
	run_result_finish(&trial.result);
	trial.request.limits.output_bytes = 8 << 20;
	trial_run(&trial, module);
	assert_true(trial.ok && !trial.result.truncated);
	assert_int_equal(trial.result.stdout_bytes.size, 3000000 + (1 << 20));
	assert_int_equal(trial.result.stderr_bytes.size, 3000000);
	free(input);
	trial_finish(&trial);
	module_destroy(module);
}

static void the_wall_limit_ends_it(void **state) {
	(void)state;
	use_runtime("echo begun; trap '' TERM; while :; do sleep 100; done");
	struct module *module = compile(ENGINE_EXTERNAL, add);
	bool begun = false;
	/* A shell that has not begun yet on a slow machine gets more time. */
	for (uint64_t wall_ms = 200; !begun; wall_ms *= 2) {
		CLEANUP(mem_freep)
		char *says = str_format("the run took longer than its wall-clock limit of %llu ms",
				(unsigned long long)wall_ms);
		struct trial trial = trial_new();
		assert_true(wall_ms < 100000);
		trial.request.limits.wall_ms = wall_ms;
		uint64_t began = clock_ms();
		trial_run(&trial, module);
		assert_failed(&trial, ERROR_TIMEOUT, says);
		assert_true(clock_ms() - began >= wall_ms);
		begun = str_equal(buf_text(&trial.result.stdout_bytes), "begun\n");
		trial_finish(&trial);
	}
	module_destroy(module);
}

static bool alive(pid_t pid) {
	return kill(pid, 0) == 0 || errno != ESRCH;
}

struct stopper {
	struct run_stop *stop;
	const char *mark;
};

/* Requests the stop when the script has made its mark. */
static void *stop_thread(void *argument) {
	struct stopper *stopper = argument;
	while (access(stopper->mark, F_OK) != 0) {
		sched_yield();
	}
	run_stop_request(stopper->stop);
	return NULL;
}

/* Deaf to SIGTERM, with a child that holds the pipes open: all of it goes, and soon. */
static void a_stop_ends_the_whole_group(void **state) {
	(void)state;
	CLEANUP(mem_freep) char *mark = str_format("%s/mark", folder);
	CLEANUP(mem_freep)
	char *script = str_format(
			"trap '' TERM; sleep 1000 & echo $!; : > %s; wait; sleep 1000", mark);
	use_runtime(script);
	struct module *module = compile(ENGINE_EXTERNAL, add);
	struct trial trial = trial_new();
	struct stopper stopper = { .stop = trial.stop, .mark = mark };
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, stop_thread, &stopper), 0);
	trial_run(&trial, module);
	pthread_join(thread, NULL);
	assert_failed(&trial, ERROR_INTERRUPTED, "the run was stopped");
	pid_t child = (pid_t)strtol(buf_text(&trial.result.stdout_bytes), NULL, 10);
	assert_true(child > 1);
	uint64_t deadline = clock_ms() + 60000; /* until init has reaped it */
	while (alive(child) && clock_ms() < deadline) {
		sched_yield();
	}
	assert_false(alive(child));
	assert_int_equal(unlink(mark), 0);
	trial_finish(&trial);
	module_destroy(module);
}

/* A child that goes on after the runtime ended does not keep the run waiting. */
static void what_it_leaves_behind_goes_too(void **state) {
	(void)state;
	use_runtime("sleep 1000 & echo done");
	struct module *module = compile(ENGINE_EXTERNAL, add);
	struct trial trial = trial_new();
	uint64_t began = clock_ms();
	trial_run(&trial, module);
	assert_true(trial.ok);
	assert_true(clock_ms() - began < 500000);
	assert_string_equal(buf_text(&trial.result.stdout_bytes), "done\n");
	trial_finish(&trial);
	module_destroy(module);
}

static void a_runtime_that_dies_is_told(void **state) {
	(void)state;
	use_runtime("kill -SEGV $$");
	struct module *module = compile(ENGINE_EXTERNAL, add);
	struct trial trial = trial_new();
	trial_run(&trial, module);
	assert_failed(&trial, ERROR_FAILED,
			"the external runtime died of signal 11 (Segmentation fault)");
	run_result_finish(&trial.result);
	CLEANUP(mem_freep) char *path = str_format("%s/runtime", folder);
	CLEANUP(mem_freep) char *moved = str_format("%s/moved", folder);
	assert_int_equal(rename(path, moved), 0);
	trial_run(&trial, module);
	assert_false(trial.ok);
	assert_says(&trial.err, ERROR_UNAVAILABLE, "cannot start /");
	assert_int_equal(rename(moved, path), 0);
	trial_finish(&trial);
	module_destroy(module);
}

static void what_it_cannot_do_is_refused(void **state) {
	(void)state;
	use_runtime("exit 0");
	struct error err;
	assert_null(compile_metered(ENGINE_EXTERNAL, true, add, &err));
	assert_says(&err, ERROR_INVALID, "kind external cannot meter fuel");
	struct module *module = compile(ENGINE_EXTERNAL, add);
	struct trial trial = trial_new();
	trial.request.limits.fuel = 1;
	trial_run(&trial, module);
	assert_says(&trial.err, ERROR_INVALID, "kind external cannot limit fuel");
	run_result_finish(&trial.result);
	trial.request.limits.fuel = 0;
	run_stop_request(trial.stop);
	trial_run(&trial, module);
	assert_failed(&trial, ERROR_INTERRUPTED, "the run was stopped before it began");
	trial_finish(&trial);
	module_destroy(module);
	assert_null(engine_compile(engine, ENGINE_EXTERNAL, false,
			(struct bytes){ (const uint8_t *)"hello, world", 12 }, &err));
	assert_says(&err, ERROR_MODULE, "this is not a WebAssembly module");
}

/* Written by the script once it stands; the pid of what must be gone afterwards. */
static pid_t pid_in(const char *path) {
	struct error err;
	struct buf text = BUF_INIT(64);
	pid_t pid = 0;
	uint64_t deadline = clock_ms() + 60000;
	while (pid == 0 && clock_ms() < deadline) {
		buf_clear(&text);
		if (file_read(path, &text, &err) && strchr(buf_text(&text), '\n') != NULL) {
			pid = (pid_t)strtol(buf_text(&text), NULL, 10);
		}
		sched_yield();
	}
	buf_finish(&text);
	assert_true(pid > 1);
	return pid;
}

static void assert_goes(pid_t pid) {
	uint64_t deadline = clock_ms() + 60000;
	while (alive(pid) && clock_ms() < deadline) {
		sched_yield();
	}
	assert_false(alive(pid));
}

/* A grandchild in a session of its own, whose parent has gone: nobody's but the supervisor's. */
static void who_left_the_group_goes_too(void **state) {
	(void)state;
	CLEANUP(mem_freep) char *mark = str_format("%s/mark", folder);
	CLEANUP(mem_freep)
	char *script = str_format("setsid sh -c 'sh -c \"sleep 100\" & echo $! >%s.new; "
				  "mv %s.new %s'; while [ ! -e %s ]; do :; done; echo done",
			mark, mark, mark, mark);
	use_runtime(script);
	struct module *module = compile(ENGINE_EXTERNAL, add);
	struct trial trial = trial_new();
	trial_run(&trial, module);
	assert_true(trial.ok);
	assert_false(alive(pid_in(mark))); /* before the run returns */
	assert_int_equal(unlink(mark), 0);
	trial_finish(&trial);
	module_destroy(module);
}

/* SIGKILL to the program that runs it: no part of it can do anything any more. */
static void it_dies_with_this_program(void **state) {
	(void)state;
	CLEANUP(mem_freep) char *mark = str_format("%s/mark", folder);
	CLEANUP(mem_freep)
	char *script = str_format("trap '' TERM; setsid sleep 100 & echo $! >%s.child; "
				  "echo $$ >%s; sleep 100",
			mark, mark);
	CLEANUP(mem_freep) char *second = str_format("%s.child", mark);
	use_runtime(script);
	struct module *module = compile(ENGINE_EXTERNAL, add);
	pid_t program = fork();
	if (program == 0) {
		struct trial trial = trial_new();
		trial_run(&trial, module);
		_exit(1);
	}
	pid_t runtime = pid_in(mark), child = pid_in(second);
	assert_int_equal(kill(program, SIGKILL), 0);
	assert_int_equal(waitpid(program, NULL, 0), program);
	assert_goes(runtime);
	assert_goes(child);
	assert_int_equal(unlink(mark), 0);
	assert_int_equal(unlink(second), 0);
	module_destroy(module);
}

static void variables_are_in_its_environment(void **state) {
	(void)state;
	use_runtime("echo \"$SECRET,$LD_PRELOAD,$PYTHONPATH\"; tr '\\0' ' ' </proc/$$/cmdline | "
		    "grep -c hidden");
	struct module *module = compile(ENGINE_EXTERNAL, add);
	struct trial trial = trial_new();
	trial.request.env = TEXTS("SECRET=hidden", "LD_PRELOAD=/evil.so", "PYTHONPATH=/evil");
	trial_run(&trial, module);
	assert_true(trial.ok);
	assert_string_equal(buf_text(&trial.result.stdout_bytes), "hidden,,\n0\n");
	trial_finish(&trial);
	module_destroy(module);
}

int main(int argc, char **argv) {
	if (child_wanted(argc, argv)) {
		return child_main(argc, argv);
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_command_line_is_propellers),
		cmocka_unit_test(a_module_is_a_private_file_while_it_lives),
		cmocka_unit_test(nothing_of_ours_is_inherited),
		cmocka_unit_test(streams_and_exit_code_come_back),
		cmocka_unit_test(much_output_is_drained_and_cut),
		cmocka_unit_test(the_wall_limit_ends_it),
		cmocka_unit_test(a_stop_ends_the_whole_group),
		cmocka_unit_test(what_it_leaves_behind_goes_too),
		cmocka_unit_test(who_left_the_group_goes_too),
		cmocka_unit_test(it_dies_with_this_program),
		cmocka_unit_test(variables_are_in_its_environment),
		cmocka_unit_test(a_runtime_that_dies_is_told),
		cmocka_unit_test(what_it_cannot_do_is_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
