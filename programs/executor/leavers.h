/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Who leaves before the answer to a call over REST: libmicrohttpd does not look at a connection
 * whose answer is awaited, so a thread of ours does, and asks the call to stop. A client that only
 * ends its own direction (shutdown(), `nc -N`) counts as gone, as it does for other servers: an
 * HTTP client has no reason to, and cannot be told from one that has ended.
 * Any thread may call these.
 */
#include "engine/engine.h"

struct leavers;
struct leavers *leavers_create(struct error *err) MUST_CHECK;
void leavers_destroy(struct leavers *leavers); /* when nothing is watched; accepts NULL */

/* One that is watched; belongs to the caller, and is zero before. */
struct leaver {
	uint64_t id; /* 0: not watched */
	int socket;
	struct run_stop *stop;
	struct leaver *before, *behind;
};
/* Until leavers_forget(), which comes before the socket or the stop ends, run_stop_request() is
 * called when the other side of the socket is gone: perhaps before this returns. */
void leavers_watch(
		struct leavers *leavers, struct leaver *leaver, int socket, struct run_stop *stop);
void leavers_forget(struct leavers *leavers, struct leaver *leaver);
