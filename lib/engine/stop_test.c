/* SPDX-License-Identifier: Apache-2.0 */
/* Ending runs from outside: stop and wall limit, in each kind, busy and asleep. */
#include <pthread.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "engine/fixture.h"

#include "base/clock.h"
#include "engine/component_fixture.h"
#include "engine/stop.h"

/* What the header promises; one try of many has to show it, since the machine may be busy. */
enum { STOP_MS = 100, TRIES = 200 };

static const char busy[] = "(module (func (export \"run\") (loop (br 0))))";
static const char calls[] = "(module (func $f (param i32)) (func (export \"run\") (loop (call $f "
			    "(i32.const 1)) (br 0))))";
#define POLL_IMPORT                                                                                \
	"(import \"wasi_snapshot_preview1\" \"poll_oneoff\""                                       \
	" (func $poll (param i32 i32 i32 i32) (result i32))) (memory (export \"memory\") 1)"
/* A clock of id 1 and a timeout of `ns`. */
#define SLEEP(ns)                                                                                  \
	"(i32.store (i32.const 16) (i32.const 1)) (i64.store (i32.const 24) (i64.const " ns "))"   \
	" (drop (call $poll (i32.const 0) (i32.const 128) (i32.const 1) (i32.const 256)))"
static const char asleep[] =
		"(module " POLL_IMPORT "(func (export \"run\") " SLEEP("3600000000000") "))";
static const char naps[] =
		"(module " POLL_IMPORT "(func (export \"run\") (loop " SLEEP("100000") "(br 0))))";
static const char dice[] =
		"(module (import \"wasi_snapshot_preview1\" \"random_get\""
		" (func $random (param i32 i32) (result i32))) (memory (export \"memory\") 250)"
		" (func (export \"run\") (loop (drop (call $random (i32.const 0) (i32.const "
		"16384000)))"
		" (br 0))))";
static const char starts[] =
		"(module (func $begin (loop (br 0))) (start $begin) (func (export \"run\")))";
static const char component_asleep[] =
		COMPONENT_WAITS("(call $block (call $subscribe (i64.const 3600000000000)))");
static const char component_polls[] = COMPONENT_WAITS(
		"(i32.store (i32.const 0) (call $subscribe (i64.const -1)))"
		" (i32.store (i32.const 4) (call $subscribe (i64.const 3600000000000)))"
		" (call $poll (i32.const 0) (i32.const 2) (i32.const 16))");
static const char component_naps[] =
		COMPONENT_WAITS("(loop (local.set $a (call $subscribe (i64.const 100000))) (call "
				"$block (local.get $a))"
				" (call $drop (local.get $a)) (br 0))");
static const char component_busy[] = COMPONENT_WAITS("(loop (br 0))");
static const char *const endless[] = { busy, calls, asleep, naps, dice, starts, component_asleep,
	component_polls, component_naps, component_busy };
enum { ENDLESS = sizeof(endless) / sizeof(endless[0]) };

/* A run in a thread of its own, which says when its guest begins. */
struct runner {
	struct module *module;
	struct trial trial;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool begun;
};

static void begin(void *context) {
	struct runner *runner = context;
	pthread_mutex_lock(&runner->lock);
	runner->begun = true;
	pthread_cond_signal(&runner->changed);
	pthread_mutex_unlock(&runner->lock);
}

static void *run_thread(void *argument) {
	struct runner *runner = argument;
	trial_run(&runner->trial, runner->module);
	return NULL;
}

static void runner_start(struct runner *runner, struct module *module) {
	*runner = (struct runner){ .module = module,
		.trial = trial_new(),
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER };
	runner->trial.request.started = begin;
	runner->trial.request.context = runner;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, ENGINE_STACK_BYTES);
	assert_int_equal(pthread_create(&runner->thread, &attributes, run_thread, runner), 0);
	pthread_attr_destroy(&attributes);
}

static void runner_begun(struct runner *runner) {
	pthread_mutex_lock(&runner->lock);
	while (!runner->begun) {
		pthread_cond_wait(&runner->changed, &runner->lock);
	}
	pthread_mutex_unlock(&runner->lock);
}

/* The time that the thread has computed. */
static uint64_t cpu_us(clockid_t clock) {
	struct timespec time;
	clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

/* Waits until the guest is well inside: it has computed for a while, or computes no more. */
static void runner_inside(const struct runner *runner) {
	clockid_t clock;
	assert_int_equal(pthread_getcpuclockid(runner->thread, &clock), 0);
	uint64_t began = clock_us(), first = cpu_us(clock);
	while (cpu_us(clock) < first + 3000 && clock_us() < began + 10000) {
		sched_yield();
	}
}

static uint64_t stop_time(struct module *module) {
	struct runner runner;
	runner_start(&runner, module);
	runner_begun(&runner);
	runner_inside(&runner);
	uint64_t began = clock_ms();
	run_stop_request(runner.trial.stop);
	pthread_join(runner.thread, NULL);
	uint64_t took = clock_ms() - began;
	assert_failed(&runner.trial, ERROR_INTERRUPTED, "the run was stopped");
	trial_finish(&runner.trial);
	return took;
}

static void a_stop_ends_every_guest(void **state) {
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		for (int i = 0; i < ENDLESS; i++) {
			struct module *module = compile(kinds[k], endless[i]);
			uint64_t least = UINT64_MAX;
			for (int try = 0; try < TRIES && least >= STOP_MS; try++) {
				uint64_t took = stop_time(module);
				least = took < least ? took : least;
			}
			assert_true(least < STOP_MS);
			module_destroy(module);
		}
	}
}

static void a_stop_before_keeps_it_from_beginning(void **state) {
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		struct runner runner = { .trial = trial_new() };
		struct module *module = compile(kinds[k], busy);
		run_stop_request(runner.trial.stop);
		run_stop_request(runner.trial.stop);
		assert_true(run_stop_requested(runner.trial.stop));
		trial_run(&runner.trial, module);
		assert_failed(&runner.trial, ERROR_INTERRUPTED,
				"the run was stopped before it began");
		trial_finish(&runner.trial);
		module_destroy(module);
	}
}

static void request_stop(void *context) {
	run_stop_request(context);
}

/* At the very moment at which it begins. */
static void a_stop_at_the_beginning_is_not_lost(void **state) {
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		struct trial trial = trial_new();
		struct module *module = compile(kinds[k], busy);
		trial.request.started = request_stop;
		trial.request.context = trial.stop;
		trial_run(&trial, module);
		assert_failed(&trial, ERROR_INTERRUPTED, "the run was stopped");
		trial_finish(&trial);
		module_destroy(module);
	}
}

/* Many stops at all moments of a guest that looks very often. */
static void no_stop_is_lost(void **state) {
	(void)state;
	struct module *module = compile(ENGINE_MULTIPASS, calls);
	for (int i = 0; i < 200; i++) {
		struct runner runner;
		runner_start(&runner, module);
		if (i % 2 == 0) {
			runner_begun(&runner);
		}
		run_stop_request(runner.trial.stop);
		pthread_join(runner.thread, NULL);
		assert_false(runner.trial.ok);
		assert_int_equal(runner.trial.err.code, ERROR_INTERRUPTED);
		trial_finish(&runner.trial);
	}
	module_destroy(module);
}

static void the_wall_limit_ends_every_guest(void **state) {
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		for (int i = 0; i < ENDLESS; i++) {
			struct module *module = compile(kinds[k], endless[i]);
			struct trial trial = trial_new();
			trial.request.limits.wall_ms = 20;
			uint64_t began = clock_ms();
			trial_run(&trial, module);
			assert_failed(&trial, ERROR_TIMEOUT,
					"the run took longer than its wall-clock limit of 20 ms");
			assert_true(clock_ms() - began >= 20);
			trial_finish(&trial);
			module_destroy(module);
		}
	}
}

/* Runs that end by themselves are not disturbed by the interrupts of others. */
static void others_go_on(void **state) {
	(void)state;
	struct module *endless_module = compile(ENGINE_MULTIPASS, busy);
	struct module *long_module = compile(ENGINE_MULTIPASS,
			"(module (func (export \"run\") (result i32) (local i32) (loop"
			" (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1)))"
			"  (i32.const 50000000)))) (local.get 0)))");
	struct runner runner;
	runner_start(&runner, long_module);
	runner_begun(&runner);
	for (int i = 0; i < 10; i++) {
		(void)stop_time(endless_module);
	}
	pthread_join(runner.thread, NULL);
	assert_true(runner.trial.ok);
	assert_string_equal(runner.trial.result.values, "50000000");
	trial_finish(&runner.trial);
	module_destroy(long_module);
	module_destroy(endless_module);
}

/* Output, values and traps of many threads at once on the same modules. */
struct crowd {
	struct module *add, *trap, *nap;
};

static const char crowd_add[] = "(module (func (export \"run\") (param i32) (result i32)"
				" (i32.add (local.get 0) (i32.const 1))))";

static void crowd_turn(const struct crowd *crowd, int number) {
	char text[12], expected[12];
	(void)snprintf(text, sizeof(text), "%d", number);
	(void)snprintf(expected, sizeof(expected), "%d", number + 1);
	struct trial trial = trial_new();
	trial.request.inputs = TEXTS(text);
	trial_run(&trial, crowd->add);
	assert_true(trial.ok);
	assert_string_equal(trial.result.values, expected);
	run_result_finish(&trial.result);
	trial.request.inputs = NULL;
	trial_run(&trial, crowd->trap);
	assert_says(&trial.err, ERROR_FAILED, "out of bounds memory access");
	run_result_finish(&trial.result);
	trial_run(&trial, crowd->nap);
	assert_true(trial.ok);
	trial_finish(&trial);
}

static void *crowd_thread(void *argument) {
	for (int i = 0; i < 30; i++) {
		crowd_turn(argument, i);
	}
	return NULL;
}

static void ten_threads_run_at_once(void **state) {
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		struct crowd crowd = {
			.add = compile(kinds[k], crowd_add),
			.trap = compile(kinds[k], "(module (memory 1) (func (export \"run\")"
						  " (drop (i32.load (i32.const -4)))))"),
			.nap = compile(kinds[k], "(module " POLL_IMPORT
						 "(func (export \"run\") " SLEEP("100000") "))"),
		};
		pthread_t threads[10];
		for (int i = 0; i < 10; i++) {
			assert_int_equal(
					pthread_create(&threads[i], NULL, crowd_thread, &crowd), 0);
		}
		for (int i = 0; i < 10; i++) {
			pthread_join(threads[i], NULL);
		}
		module_destroy(crowd.add);
		module_destroy(crowd.trap);
		module_destroy(crowd.nap);
	}
}

/* A sleeping guest with a limit far away costs nothing: no thread ticks. */
static void waiting_costs_no_time(void **state) {
	(void)state;
	struct module *module = compile(ENGINE_INTERP,
			"(module " POLL_IMPORT "(func (export \"run\") " SLEEP("200000000") "))");
	struct trial trial = trial_new();
	struct rusage before, after;
	getrusage(RUSAGE_SELF, &before);
	uint64_t cpu = cpu_us(CLOCK_PROCESS_CPUTIME_ID);
	trial_run(&trial, module);
	assert_true(trial.ok);
	getrusage(RUSAGE_SELF, &after);
	assert_true(cpu_us(CLOCK_PROCESS_CPUTIME_ID) - cpu < 20000);
	assert_true(after.ru_nvcsw - before.ru_nvcsw < 20);
	trial_finish(&trial);
	module_destroy(module);
}

static void count(void *context) {
	(*(int *)context)++;
}

static void a_stop_wakes_who_watches(void **state) {
	(void)state;
	int woken = 0;
	struct run_stop *stop = run_stop_create(engine);
	assert_true(stop_watch(stop, count, &woken));
	stop_unwatch(stop);
	assert_true(stop_watch(stop, count, &woken));
	assert_int_equal(woken, 0);
	run_stop_request(stop);
	run_stop_request(stop);
	assert_int_equal(woken, 1);
	stop_unwatch(stop);
	assert_false(stop_watch(stop, count, &woken));
	assert_true(stop_wait(stop, UINT64_MAX));
	run_stop_destroy(stop);
	run_stop_destroy(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stop_ends_every_guest),
		cmocka_unit_test(a_stop_before_keeps_it_from_beginning),
		cmocka_unit_test(a_stop_at_the_beginning_is_not_lost),
		cmocka_unit_test(no_stop_is_lost),
		cmocka_unit_test(the_wall_limit_ends_every_guest),
		cmocka_unit_test(others_go_on),
		cmocka_unit_test(ten_threads_run_at_once),
		cmocka_unit_test(waiting_costs_no_time),
		cmocka_unit_test(a_stop_wakes_who_watches),
	};
	return cmocka_run_group_tests(tests, engine_setup, engine_teardown);
}
