/* SPDX-License-Identifier: Apache-2.0 */
/* What runs use, looked at from another thread while they run. */
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/fixture.h"

#include "base/clock.h"
#include "base/file.h"
#include "engine/child.h"
#include "engine/component_fixture.h"
#include "engine/gauge.h"

enum { PATIENCE_MS = 60000, PAGE = 65536 };

/* Takes three pages more, and then computes for ever; with calls, so that fuel is accounted for. */
static const char grows[] =
		"(module (memory 2) (func $f) (func (export \"run\")"
		" (drop (memory.grow (i32.const 3))) (loop $again (call $f) (br $again))))";
static const char sleeps[] =
		"(module (import \"wasi_snapshot_preview1\" \"poll_oneoff\""
		" (func $poll (param i32 i32 i32 i32) (result i32))) (memory (export \"memory\") 7)"
		" (func (export \"run\") (i32.store (i32.const 16) (i32.const 1))"
		" (i64.store (i32.const 24) (i64.const 3600000000000))"
		" (drop (call $poll (i32.const 0) (i32.const 128) (i32.const 1) (i32.const "
		"256)))))";

struct runner {
	struct module *module;
	struct trial trial;
	struct run_gauge *gauge;
	pthread_t thread;
};

static void *run_thread(void *argument) {
	struct runner *runner = argument;
	trial_run(&runner->trial, runner->module);
	return NULL;
}

static void runner_start(struct runner *runner, struct module *module) {
	*runner = (struct runner){
		.module = module, .trial = trial_new(), .gauge = run_gauge_create()
	};
	runner->trial.request.gauge = runner->gauge;
	runner->trial.request.limits.wall_ms = 0;
	struct run_usage usage;
	assert_false(run_gauge_read(runner->gauge, &usage));
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, ENGINE_STACK_BYTES + 512 * 1024);
	assert_int_equal(pthread_create(&runner->thread, &attributes, run_thread, runner), 0);
	pthread_attr_destroy(&attributes);
}

static void runner_end(struct runner *runner) {
	struct run_usage usage;
	run_stop_request(runner->trial.stop);
	pthread_join(runner->thread, NULL);
	assert_int_equal(runner->trial.err.code, ERROR_INTERRUPTED);
	assert_false(run_gauge_read(runner->gauge, &usage));
	trial_finish(&runner->trial);
	run_gauge_destroy(runner->gauge);
	module_destroy(runner->module);
}

/* Looks again and again until it is so. */
static struct run_usage wait_for(struct runner *runner, bool (*is_so)(const struct run_usage *)) {
	struct run_usage usage = { 0 };
	uint64_t late_ms = clock_ms() + PATIENCE_MS;
	for (bool so = false; !so;) {
		if (clock_ms() > late_ms) {
			fail_msg("memory %llu, cpu %llu, fuel %llu",
					(unsigned long long)usage.memory_bytes,
					(unsigned long long)usage.cpu_ns,
					(unsigned long long)usage.fuel_used);
		}
		engine_stir(engine);
		so = run_gauge_read(runner->gauge, &usage) && is_so(&usage);
	}
	return usage;
}

static bool has_grown(const struct run_usage *usage) {
	return usage->memory_bytes == 5 * PAGE && usage->cpu_ns > 50 * 1000000;
}

static void a_guest_that_computes(void **state) {
	(void)state;
	for (int i = 0; i < KINDS; i++) {
		struct runner runner;
		runner_start(&runner, compile(kinds[i], grows));
		struct run_usage usage = wait_for(&runner, has_grown);
		assert_true(usage.cpu_ns / 1000000 <= usage.uptime_ms + 20);
		assert_int_equal(usage.threads, 1);
		assert_int_equal(usage.files, 3);
		assert_int_equal(usage.fuel_used, 0);
		runner_end(&runner);
	}
}

static bool has_burnt(const struct run_usage *usage) {
	return usage->fuel_used > 1000000;
}

static void fuel_where_it_is_metered(void **state) {
	(void)state;
	for (int i = 0; i < KINDS; i++) {
		struct runner runner;
		struct error err;
		struct module *module = compile_metered(kinds[i], true, grows, &err);
		assert_non_null(module);
		runner_start(&runner, module);
		(void)wait_for(&runner, has_burnt);
		runner_end(&runner);
	}
}

static bool has_seven_pages(const struct run_usage *usage) {
	return usage->memory_bytes == 7 * PAGE;
}

/* Asleep in a call of the host it cannot be asked: it has told before. */
static void a_guest_that_sleeps(void **state) {
	(void)state;
	struct runner runner;
	runner_start(&runner, compile(ENGINE_MULTIPASS, sleeps));
	struct run_usage usage = wait_for(&runner, has_seven_pages);
	assert_true(usage.cpu_ns < UINT64_C(1000000000));
	runner_end(&runner);
}

static bool has_three_pages(const struct run_usage *usage) {
	return usage->memory_bytes == 3 * PAGE;
}

static bool has_a_page_and_computes(const struct run_usage *usage) {
	return usage->memory_bytes == PAGE && usage->cpu_ns > 50 * 1000000;
}

static void components(void **state) {
	(void)state;
	for (int i = 0; i < KINDS; i++) {
		struct runner runner;
		runner_start(&runner,
				compile(kinds[i],
						COMPONENT_WAITS("(drop (memory.grow (i32.const 2)))"
								" (call $block (call $subscribe"
								" (i64.const 3600000000000)))")));
		(void)wait_for(&runner, has_three_pages);
		runner_end(&runner);
		runner_start(&runner, compile(kinds[i], COMPONENT_WAITS("(loop (br 0))")));
		(void)wait_for(&runner, has_a_page_and_computes);
		runner_end(&runner);
	}
}

/* Two at once: each has its own time. */
static void each_has_its_own(void **state) {
	(void)state;
	struct runner busy, idle;
	struct run_usage usage;
	runner_start(&idle, compile(ENGINE_MULTIPASS, sleeps));
	(void)wait_for(&idle, has_seven_pages);
	runner_start(&busy, compile(ENGINE_MULTIPASS, grows));
	struct run_usage most = wait_for(&busy, has_grown);
	assert_true(run_gauge_read(idle.gauge, &usage));
	assert_int_equal(usage.memory_bytes, 7 * PAGE);
	assert_true(usage.cpu_ns < most.cpu_ns);
	runner_end(&busy);
	runner_end(&idle);
}

static void nobody_has_to_look(void **state) {
	(void)state;
	struct module *module = compile(ENGINE_MULTIPASS, "(module (func (export \"run\")))");
	struct trial trial = trial_new();
	trial_run(&trial, module);
	assert_true(trial.ok);
	engine_stir(engine);
	trial_finish(&trial);
	module_destroy(module);
	run_gauge_destroy(NULL);
}

static bool has_two_busy_shells(const struct run_usage *usage) {
	return usage->threads == 2 && usage->cpu_ns > 100 * 1000000;
}

/* A runtime and its child compute; the supervisor above them does not count. */
static void processes_of_an_external_runtime(void **state) {
	(void)state;
	char folder[] = "/tmp/airscrew-gauge-XXXXXX";
	struct error err;
	assert_non_null(mkdtemp(folder));
	CLEANUP(mem_freep) char *path = str_format("%s/runtime", folder);
	CLEANUP(mem_freep) char *modules = str_format("%s/modules", folder);
	const char script[] = "#!/bin/sh\nwhile :; do :; done &\nwhile :; do :; done\n";
	assert_true(file_write(path, script, strlen(script), 0700, &err));
	struct engine *before = engine;
	engine = engine_make(&(struct engine_options){
			.external = path, .folder = modules, .self = "/proc/self/exe" });
	assert_non_null(engine);
	struct runner runner;
	runner_start(&runner, compile(ENGINE_EXTERNAL, "(module (func (export \"run\")))"));
	struct run_usage usage = wait_for(&runner, has_two_busy_shells);
	assert_true(usage.memory_bytes > 100 * 1024 && usage.files >= 6);
	runner_end(&runner);
	engine_destroy(engine);
	engine = before;
	assert_true(unlink(path) == 0 && rmdir(modules) == 0 && rmdir(folder) == 0);
}

static void a_process_that_has_gone_uses_nothing(void **state) {
	(void)state;
	struct run_usage usage = { .memory_bytes = 9 };
	pid_t pid = fork();
	if (pid == 0) {
		_exit(0);
	}
	assert_true(waitpid(pid, NULL, 0) == pid);
	usage_of_processes(pid, false, &usage);
	assert_true(usage.memory_bytes == 0 && usage.cpu_ns == 0 && usage.threads == 0);
	usage_of_processes(getpid(), false, &usage);
	assert_true(usage.memory_bytes > 1024 * 1024 && usage.threads >= 1 && usage.files >= 3);
}

int main(int argc, char **argv) {
	if (child_wanted(argc, argv)) {
		return child_main(argc, argv);
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_that_has_gone_uses_nothing), /* forks: the first */
		cmocka_unit_test(a_guest_that_computes),
		cmocka_unit_test(fuel_where_it_is_metered),
		cmocka_unit_test(a_guest_that_sleeps),
		cmocka_unit_test(components),
		cmocka_unit_test(each_has_its_own),
		cmocka_unit_test(nobody_has_to_look),
		cmocka_unit_test(processes_of_an_external_runtime),
	};
	return cmocka_run_group_tests(tests, engine_setup, engine_teardown);
}
