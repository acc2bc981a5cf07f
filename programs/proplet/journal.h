/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Results on disk that the manager has not acknowledged: they survive the end of the worker.
 *
 * One file per attempt, written whole and durable or not at all, with the SHA-256 of its content
 * in the first line. A file that is damaged is moved aside (`.damaged` behind its name) and told
 * about; it never stops the worker. All together hold at most JOURNAL_BYTES_MAX. Only the loop
 * calls these; a NULL journal (no folder for state) keeps nothing.
 */
#include "model/message.h"
#include "seal/keys.h"

#define JOURNAL_BYTES_MAX ((uint64_t)256 * 1024 * 1024)

struct journal;
/* With a workload key results lie there sealed. */
struct journal_seal {
	struct seal_ring *ring;
	const char *worker;
};
/* Reads what is there; `folder` is borrowed for the call and may be NULL, as `seal` may be. */
struct journal *journal_open(const char *folder, const struct journal_seal *seal);
void journal_close(struct journal *journal);
/* Replaces what is there for the same attempt. ERROR_NO_SPACE beyond JOURNAL_BYTES_MAX. */
bool journal_put(
		struct journal *journal, const struct report *report, struct error *err) MUST_CHECK;
void journal_drop(struct journal *journal, const char *task_id, uint64_t attempt);
/* Every report that is there; the visitor takes its content over. */
typedef void (*journal_taker)(void *context, struct report *report);
void journal_each(struct journal *journal, journal_taker take, void *context);
