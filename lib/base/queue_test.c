/* SPDX-License-Identifier: Apache-2.0 */
#include "base/queue.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

enum { WRITERS = 4, PER_WRITER = 5000, PATIENCE_MS = 60000, STAYS_MS = 50 };

struct deed {
	int number, writer;
	struct queue_item link;
};

static uint64_t soon(void) {
	return clock_ms() + PATIENCE_MS;
}

static int number_of(struct queue_item *item) {
	return QUEUE_ENTRY(item, struct deed, link)->number;
}

static void test_order(void **state) {
	(void)state;
	struct deed deeds[3] = { { .number = 1 }, { .number = 2 }, { .number = 3 } };
	struct queue *queue = queue_create(0);
	for (int i = 0; i < 3; i++) {
		assert_true(queue_try_put(queue, &deeds[i].link));
	}
	struct queue_item *item = queue_take_all(queue, 0);
	for (int i = 1; i <= 3; i++) {
		assert_non_null(item);
		assert_int_equal(number_of(item), i);
		item = item->next;
	}
	assert_null(item);
	assert_null(queue_take_all(queue, 0));
	assert_true(queue_put(queue, &deeds[0].link)); /* it works on after being emptied */
	assert_ptr_equal(queue_take_all(queue, 0), &deeds[0].link);
	queue_destroy(queue);
	queue_destroy(NULL);
}

static void test_bound(void **state) {
	(void)state;
	struct deed deeds[5] = { 0 };
	struct queue *queue = queue_create(2);
	assert_true(queue_try_put(queue, &deeds[0].link));
	assert_true(queue_try_put(queue, &deeds[1].link));
	assert_false(queue_try_put(queue, &deeds[2].link));
	assert_true(queue_put(queue, &deeds[3].link)); /* what must not be refused */
	assert_false(queue_try_put(queue, &deeds[2].link));
	struct queue_item *first = queue_take_all(queue, 0);
	assert_ptr_equal(first, &deeds[0].link);
	assert_ptr_equal(first->next->next, &deeds[3].link);
	assert_null(first->next->next->next);
	assert_true(queue_try_put(queue, &deeds[2].link));
	queue_destroy(queue);
}

struct putter {
	struct queue *queue;
	struct deed deeds[3];
	atomic_int put;
	bool refused;
};

static void *put_three(void *argument) {
	struct putter *putter = argument;
	for (int i = 0; i < 3 && !putter->refused; i++) {
		putter->refused = !queue_put_patiently(putter->queue, &putter->deeds[i].link, 2);
		putter->put += !putter->refused;
	}
	return NULL;
}

/* The third one waits until somebody takes, or for the end. */
static void check_patience(bool close) {
	struct putter putter = { .queue = queue_create(0) };
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, put_three, &putter), 0);
	uint64_t deadline = soon();
	while (putter.put < 2) {
		assert_true(clock_ms() < deadline);
	}
	for (uint64_t end = clock_ms() + STAYS_MS; clock_ms() < end;) {
		assert_int_equal(putter.put, 2); /* it stays so until somebody takes */
	}
	if (close) {
		queue_close(putter.queue);
	} else {
		assert_ptr_equal(queue_take_all(putter.queue, soon()), &putter.deeds[0].link);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(putter.put, close ? 2 : 3);
	assert_int_equal(putter.refused, close);
	struct queue_item *left = queue_take_all(putter.queue, 0);
	assert_ptr_equal(left, &putter.deeds[close ? 0 : 2].link);
	queue_destroy(putter.queue);
}

static void test_patience(void **state) {
	(void)state;
	check_patience(false);
	check_patience(true);
}

static void test_deadline(void **state) {
	(void)state;
	struct queue *queue = queue_create(0);
	uint64_t start = clock_ms();
	assert_null(queue_take_all(queue, start + 30));
	assert_true(clock_ms() >= start + 30);
	assert_null(queue_take_all(queue, start)); /* in the past */
	queue_destroy(queue);
}

static void test_wake_counts_once(void **state) {
	(void)state;
	struct deed deed = { 0 };
	struct queue *queue = queue_create(0);
	queue_wake(queue); /* before anybody waits */
	assert_null(queue_take_all(queue, UINT64_MAX));
	uint64_t start = clock_ms();
	assert_null(queue_take_all(queue, start + 20)); /* waits again */
	assert_true(clock_ms() >= start + 20);
	queue_wake(queue);
	assert_true(queue_put(queue, &deed.link));
	assert_ptr_equal(queue_take_all(queue, UINT64_MAX), &deed.link);
	queue_destroy(queue);
}

static void test_close(void **state) {
	(void)state;
	struct deed deeds[2] = { 0 };
	struct queue *queue = queue_create(0);
	assert_true(queue_put(queue, &deeds[0].link));
	assert_false(queue_is_closed(queue));
	queue_close(queue);
	assert_true(queue_is_closed(queue));
	assert_false(queue_put(queue, &deeds[1].link));
	assert_false(queue_try_put(queue, &deeds[1].link));
	assert_ptr_equal(queue_take_all(queue, UINT64_MAX), &deeds[0].link); /* what was there */
	assert_null(queue_take_all(queue, UINT64_MAX));                      /* and does not wait */
	queue_destroy(queue);
}

static void *wait_for_ever(void *argument) {
	return queue_take_all(argument, UINT64_MAX);
}

static void *wait_with_deadline(void *argument) {
	return queue_take_all(argument, soon());
}

enum wake { BY_ITEM, BY_WAKE, BY_CLOSE };

/* Another thread waits; what it is waiting for comes from this one. */
static void check_waiting(void *(*waiter)(void *), enum wake how) {
	struct deed deed = { 0 };
	struct queue *queue = queue_create(0);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, waiter, queue), 0);
	if (how == BY_ITEM) {
		assert_true(queue_put(queue, &deed.link));
	} else if (how == BY_WAKE) {
		queue_wake(queue);
	} else {
		queue_close(queue);
	}
	uint64_t start = clock_ms();
	void *result;
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_ptr_equal(result, how == BY_ITEM ? &deed.link : NULL);
	assert_true(clock_ms() - start < PATIENCE_MS / 2);
	queue_destroy(queue);
}

static void test_waiting_thread(void **state) {
	(void)state;
	for (int i = 0; i < 50; i++) {
		for (int how = BY_ITEM; how <= BY_CLOSE; how++) {
			check_waiting(wait_for_ever, (enum wake)how);
			check_waiting(wait_with_deadline, (enum wake)how);
		}
	}
}

struct writer {
	struct queue *queue;
	struct deed *deeds;
	int number;
	atomic_int *refused;
};

static void *write_all(void *argument) {
	struct writer *writer = argument;
	for (int i = 0; i < PER_WRITER; i++) {
		struct deed *deed = &writer->deeds[i];
		*deed = (struct deed){ .number = i, .writer = writer->number };
		if (!queue_try_put(writer->queue, &deed->link)) {
			atomic_fetch_add(writer->refused, 1);
			if (!queue_put(writer->queue, &deed->link)) {
				return writer; /* an error: it is not closed */
			}
		}
	}
	return NULL;
}

/* Everything arrives once, and each writer's items in their order. */
static void take_everything(struct queue *queue) {
	int next[WRITERS] = { 0 };
	uint64_t deadline = soon();
	for (int left = WRITERS * PER_WRITER; left > 0;) {
		struct queue_item *item = queue_take_all(queue, deadline);
		assert_non_null(item);
		while (item != NULL) {
			struct deed *deed = QUEUE_ENTRY(item, struct deed, link);
			item = item->next;
			assert_int_equal(deed->number, next[deed->writer]);
			next[deed->writer]++;
			deed->number = -1; /* it is ours now */
			left--;
		}
	}
	assert_null(queue_take_all(queue, 0));
}

static void test_many_writers(void **state) {
	(void)state;
	struct queue *queue = queue_create(64);
	struct writer writers[WRITERS];
	pthread_t threads[WRITERS];
	atomic_int refused = 0;
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){ .queue = queue,
			.number = i,
			.refused = &refused,
			.deeds = mem_zero(PER_WRITER, sizeof(struct deed)) };
		assert_int_equal(pthread_create(&threads[i], NULL, write_all, &writers[i]), 0);
	}
	take_everything(queue);
	for (int i = 0; i < WRITERS; i++) {
		void *result;
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_null(result);
		free(writers[i].deeds);
	}
	queue_destroy(queue);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_patience),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_wake_counts_once),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_waiting_thread),
		cmocka_unit_test(test_many_writers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
