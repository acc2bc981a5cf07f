/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "executor/executor.h"

enum { THREADS = 8, CLIENTS = 4, EACH = 20000, ROUNDS = 100 * THREADS, PATIENCE_MS = 60000 };

struct fixture {
	struct executor executor;
	struct executor_settings settings;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t wanted; /* that are to run at once before any of them ends */
	size_t running, answered;
	bool late; /* they never did */
};

/* Instead of execute.c: waits until as many run as are wanted. */
void __wrap_execute(struct executor *executor, struct order *order);
void __wrap_execute(struct executor *executor, struct order *order) {
	struct fixture *fixture = order->context;
	struct timespec until = clock_timespec(clock_ms() + PATIENCE_MS);
	(void)pthread_mutex_lock(&fixture->lock);
	fixture->running++;
	(void)pthread_cond_broadcast(&fixture->changed);
	while (fixture->running < fixture->wanted && !fixture->late) {
		fixture->late = pthread_cond_timedwait(&fixture->changed, &fixture->lock, &until) !=
				0;
	}
	(void)pthread_mutex_unlock(&fixture->lock);
	pool_answer(executor->pool, order);
}

static void answer(struct order *order) {
	struct fixture *fixture = order->context;
	(void)pthread_mutex_lock(&fixture->lock);
	fixture->answered++;
	(void)pthread_cond_broadcast(&fixture->changed);
	(void)pthread_mutex_unlock(&fixture->lock);
	free(order);
}

static struct fixture *begin(uint64_t threads, size_t wanted) {
	struct error err;
	struct fixture *fixture = MEM_NEW(struct fixture);
	pthread_condattr_t monotonic;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&fixture->changed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	(void)pthread_mutex_init(&fixture->lock, NULL);
	fixture->wanted = wanted;
	fixture->settings.workers = threads;
	fixture->settings.queue_max = (uint64_t)CLIENTS * EACH;
	fixture->executor.settings = &fixture->settings;
	fixture->executor.pool = pool_create(&fixture->executor, &err);
	assert_non_null(fixture->executor.pool);
	return fixture;
}

static void end(struct fixture *fixture) {
	pool_destroy(fixture->executor.pool);
	(void)pthread_cond_destroy(&fixture->changed);
	(void)pthread_mutex_destroy(&fixture->lock);
	free(fixture);
}

static void submit(struct fixture *fixture) {
	struct error err;
	struct order *order = MEM_NEW(struct order);
	order->answer = answer;
	order->context = fixture;
	if (!pool_submit(fixture->executor.pool, order, &err)) {
		abort();
	}
}

/* False: it takes too long. */
static bool all_answered(struct fixture *fixture, size_t count) {
	struct timespec until = clock_timespec(clock_ms() + PATIENCE_MS);
	bool in_time = true;
	(void)pthread_mutex_lock(&fixture->lock);
	while (fixture->answered < count && in_time) {
		in_time = pthread_cond_timedwait(&fixture->changed, &fixture->lock, &until) == 0;
	}
	(void)pthread_mutex_unlock(&fixture->lock);
	return in_time;
}

/* Threads are woken one by one, but as long as there is an order, all are: also those that have
 * long been idle, and however few there are to do so. */
static void as_many_run_at_once_as_there_are_threads(void **state) {
	(void)state;
	struct fixture *fixture = begin(THREADS, 0);
	for (size_t round = 0; round < ROUNDS; round++) {
		size_t count = round % THREADS + 1;
		fixture->wanted = count; /* none runs now */
		fixture->running = fixture->answered = 0;
		for (size_t i = 0; i < count; i++) {
			submit(fixture);
		}
		assert_true(all_answered(fixture, count));
		assert_false(fixture->late);
	}
	end(fixture);
}

static void *submit_many(void *context) {
	for (int i = 0; i < EACH; i++) {
		submit(context);
	}
	return NULL;
}

static void none_is_forgotten(void **state) {
	(void)state;
	pthread_t clients[CLIENTS];
	struct fixture *fixture = begin(THREADS, 0);
	for (size_t i = 0; i < CLIENTS; i++) {
		assert_int_equal(pthread_create(&clients[i], NULL, submit_many, fixture), 0);
	}
	for (size_t i = 0; i < CLIENTS; i++) {
		(void)pthread_join(clients[i], NULL);
	}
	assert_true(all_answered(fixture, (size_t)CLIENTS * EACH));
	end(fixture);
}

/* The last of many is waited for in a loop: a thread that is not woken shows at once. */
static void one_after_the_other(void **state) {
	(void)state;
	struct fixture *fixture = begin(THREADS, 0);
	for (size_t i = 1; i <= EACH; i++) {
		submit(fixture);
		assert_true(all_answered(fixture, i));
	}
	end(fixture);
}

static void it_ends_without_an_order(void **state) {
	(void)state;
	end(begin(THREADS, 0));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_run_at_once_as_there_are_threads),
		cmocka_unit_test(none_is_forgotten),
		cmocka_unit_test(one_after_the_other),
		cmocka_unit_test(it_ends_without_an_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
