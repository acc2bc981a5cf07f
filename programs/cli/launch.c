/* SPDX-License-Identifier: Apache-2.0 */
/* From the first program of `up` to the last one that is ready, and to their end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/ports.h"
#include "cli/stack.h"

enum { READY_MS = 30000, LOOK_MS = 20 };

static bool registry_answers(struct stack *stack, struct manager *manager) {
	(void)manager;
	return port_answers(stack->registry_port);
}

static bool broker_answers(struct stack *stack, struct manager *manager) {
	(void)manager;
	return port_answers(stack->mqtt_port);
}

static bool executor_answers(struct stack *stack, struct manager *manager) {
	(void)manager;
	return port_answers(stack->rest_port);
}

static bool proxy_answers(struct stack *stack, struct manager *manager) {
	(void)manager;
	return port_answers(stack->proxy_port);
}

static bool manager_answers(struct stack *stack, struct manager *manager) {
	struct error ignored;
	(void)stack;
	return manager_call(manager, "GET", "/health", NULL, NULL, &ignored);
}

static bool proplets_alive(struct stack *stack, struct manager *manager) {
	struct error ignored;
	json_t *page = NULL;
	bool all = manager_call(manager, "GET", "/proplets?status=active&limit=1", NULL, &page,
				   &ignored) &&
		   json_integer_value(json_object_get(page, "total")) >=
				   (json_int_t)stack->proplets;
	json_decref(page);
	return all;
}

/* False when we are asked to end meanwhile, or with err at the deadline. */
static bool wait_for(struct stack *stack, struct manager *manager, const char *what,
		bool (*ready)(struct stack *stack, struct manager *manager), bool *asked,
		struct error *err) {
	uint64_t deadline = clock_ms() + READY_MS;
	(void)fprintf(stderr, "  %-10s ", what);
	while (!ready(stack, manager)) {
		(void)children_tend(stack->children, stack->count);
		if (clock_ms() >= deadline) {
			return error_set(err, ERROR_TIMEOUT,
					"%s is not ready after %d s; see the logs in %s", what,
					READY_MS / 1000, stack->folder);
		}
		if (signals_wait(LOOK_MS)) {
			*asked = true;
			return false;
		}
	}
	(void)fputs("ready\n", stderr);
	return true;
}

static bool start_range(struct stack *stack, size_t from, size_t to, struct error *err) {
	for (size_t i = from; i < to; i++) {
		if (!child_start(&stack->children[i], err)) {
			return false;
		}
	}
	return true;
}

bool stack_start_broker(
		struct stack *stack, struct manager *manager, bool *asked, struct error *err) {
	return stack_add_broker(stack, err) && start_range(stack, 0, 1, err) &&
	       wait_for(stack, manager, "broker", broker_answers, asked, err);
}

bool stack_start_programs(
		struct stack *stack, struct manager *manager, bool *asked, struct error *err) {
	size_t first = stack->count;
	return stack_add_programs(stack, err) && start_range(stack, first, first + 1, err) &&
	       wait_for(stack, manager, "manager", manager_answers, asked, err) &&
	       start_range(stack, first + 1, stack->count, err) &&
	       wait_for(stack, manager, "proxy", proxy_answers, asked, err) &&
	       (stack->registry_port == 0 || wait_for(stack, manager, "registry", registry_answers,
							     asked, err)) &&
	       (stack->rest_port == 0 || wait_for(stack, manager, "executor", executor_answers,
							 asked, err)) &&
	       wait_for(stack, manager, "workers", proplets_alive, asked, err);
}

void stack_finish(struct stack *stack) {
	children_end(stack->children, stack->count);
	for (size_t i = 0; i < stack->count; i++) {
		child_finish(&stack->children[i]);
	}
	file_closep(&stack->lock);
	explicit_bzero(stack->key, sizeof(stack->key));
	free(stack->folder);
	free(stack->programs);
	free(stack->url);
	free(stack->examples);
}
