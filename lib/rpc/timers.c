/* SPDX-License-Identifier: Apache-2.0 */
/* The deadlines of a loop's calls: a binary heap, the earliest first. */
#include <stdlib.h>

#include "base/mem.h"
#include "rpc/inside.h"

static void place(struct rpc_timers *timers, size_t at, struct rpc_call *call) {
	timers->heap[at] = call;
	call->timer = at + 1;
}

static void sift_up(struct rpc_timers *timers, size_t at, struct rpc_call *call) {
	while (at > 0) {
		size_t parent = (at - 1) / 2;
		if (timers->heap[parent]->deadline_ns <= call->deadline_ns) {
			break;
		}
		place(timers, at, timers->heap[parent]);
		at = parent;
	}
	place(timers, at, call);
}

static void sift_down(struct rpc_timers *timers, size_t at, struct rpc_call *call) {
	for (;;) {
		size_t child = 2 * at + 1;
		if (child >= timers->count) {
			break;
		}
		if (child + 1 < timers->count && timers->heap[child + 1]->deadline_ns <
								 timers->heap[child]->deadline_ns) {
			child++;
		}
		if (timers->heap[child]->deadline_ns >= call->deadline_ns) {
			break;
		}
		place(timers, at, timers->heap[child]);
		at = child;
	}
	place(timers, at, call);
}

void rpc_timers_add(struct rpc_timers *timers, struct rpc_call *call) {
	if (timers->count == timers->capacity) {
		timers->capacity = timers->capacity == 0 ? 64 : 2 * timers->capacity;
		timers->heap = mem_resize(timers->heap, timers->capacity, sizeof(timers->heap[0]));
	}
	sift_up(timers, timers->count++, call);
}

void rpc_timers_remove(struct rpc_timers *timers, struct rpc_call *call) {
	if (call->timer == 0) {
		return;
	}
	size_t at = call->timer - 1;
	struct rpc_call *last = timers->heap[--timers->count];
	call->timer = 0;
	if (last == call) {
		return;
	}
	if (at > 0 && timers->heap[(at - 1) / 2]->deadline_ns > last->deadline_ns) {
		sift_up(timers, at, last);
	} else {
		sift_down(timers, at, last);
	}
}

struct rpc_call *rpc_timers_first(const struct rpc_timers *timers) {
	return timers->count != 0 ? timers->heap[0] : NULL;
}

void rpc_timers_finish(struct rpc_timers *timers) {
	free(timers->heap);
	*timers = (struct rpc_timers){ 0 };
}
