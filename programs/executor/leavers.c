/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/leavers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

enum { EVENTS = 32, NOBODY = 0 };

struct leavers {
	int epoll, end;
	pthread_t thread;
	bool runs;
	pthread_mutex_t lock;
	struct leaver *first;
	uint64_t last_id;
};

/* An event may be older than the one that it was for, and its place in memory another's: so it
 * tells a number, which is looked up. There are as many as calls that wait. */
static void stop(struct leavers *leavers, uint64_t id) {
	(void)pthread_mutex_lock(&leavers->lock);
	struct leaver *leaver = leavers->first;
	while (leaver != NULL && leaver->id != id) {
		leaver = leaver->behind;
	}
	if (leaver != NULL) {
		run_stop_request(leaver->stop);
	}
	(void)pthread_mutex_unlock(&leavers->lock);
}

static void *look(void *context) {
	struct leavers *leavers = context;
	struct epoll_event events[EVENTS];
	for (;;) {
		int count = epoll_wait(leavers->epoll, events, EVENTS, -1);
		for (int i = 0; i < count; i++) {
			if (events[i].data.u64 == NOBODY) {
				return NULL;
			}
			stop(leavers, events[i].data.u64);
		}
	}
}

struct leavers *leavers_create(struct error *err) {
	struct leavers *leavers = MEM_NEW(struct leavers);
	struct epoll_event end = { .events = EPOLLIN, .data.u64 = NOBODY };
	(void)pthread_mutex_init(&leavers->lock, NULL);
	leavers->epoll = epoll_create1(EPOLL_CLOEXEC);
	leavers->end = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int code = 0;
	if (leavers->epoll < 0 || leavers->end < 0 ||
			epoll_ctl(leavers->epoll, EPOLL_CTL_ADD, leavers->end, &end) != 0) {
		code = errno;
	} else {
		code = pthread_create(&leavers->thread, NULL, look, leavers);
		leavers->runs = code == 0;
	}
	if (code != 0) {
		(void)error_errno(err, code, "watching for clients that leave");
		leavers_destroy(leavers);
		return NULL;
	}
	return leavers;
}

void leavers_destroy(struct leavers *leavers) {
	const uint64_t one = 1;
	if (leavers == NULL) {
		return;
	}
	if (leavers->runs) {
		(void)!write(leavers->end, &one, sizeof(one));
		(void)pthread_join(leavers->thread, NULL);
	}
	if (leavers->epoll >= 0) {
		(void)close(leavers->epoll);
	}
	if (leavers->end >= 0) {
		(void)close(leavers->end);
	}
	(void)pthread_mutex_destroy(&leavers->lock);
	free(leavers);
}

void leavers_watch(struct leavers *leavers, struct leaver *leaver, int socket,
		struct run_stop *run_stop) {
	struct epoll_event event = { .events = EPOLLRDHUP | EPOLLONESHOT };
	(void)pthread_mutex_lock(&leavers->lock);
	event.data.u64 = ++leavers->last_id;
	if (epoll_ctl(leavers->epoll, EPOLL_CTL_ADD, socket, &event) == 0) {
		*leaver = (struct leaver){ .id = leavers->last_id,
			.socket = socket,
			.stop = run_stop,
			.behind = leavers->first };
		if (leavers->first != NULL) {
			leavers->first->before = leaver;
		}
		leavers->first = leaver;
	} else {
		log_debug("a client is not watched: if it leaves its call goes on errno=%d", errno);
	}
	(void)pthread_mutex_unlock(&leavers->lock);
}

void leavers_forget(struct leavers *leavers, struct leaver *leaver) {
	(void)pthread_mutex_lock(&leavers->lock);
	if (leaver->id != NOBODY) {
		*(leaver->before != NULL ? &leaver->before->behind : &leavers->first) =
				leaver->behind;
		if (leaver->behind != NULL) {
			leaver->behind->before = leaver->before;
		}
		(void)epoll_ctl(leavers->epoll, EPOLL_CTL_DEL, leaver->socket, NULL);
		leaver->id = NOBODY;
	}
	(void)pthread_mutex_unlock(&leavers->lock);
}
