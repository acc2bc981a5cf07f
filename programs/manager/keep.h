/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What was measured, and when workers were heard, is kept in the store behind memory: 5 s after the
 * first of it (15 s while it is little) what is new goes there, in small transactions of its own
 * after a batch. A transaction that fails fails nothing else; it is tried again later. Memory alone
 * is read. Only the loop calls these.
 */
#include "manager/manager.h"

/* From the store to memory, which has the workers already: at the start, before the first batch.
 * What cannot be read is lost, with a word in the log. */
void keep_begin(struct manager *m);
/* Writes all that is left, and frees. Accepts that keep_begin() never was. */
void keep_end(struct manager *m);

/* After each batch: a step, when it is time for one; and when that is, UINT64_MAX: never. */
void keep_tick(struct manager *m);
uint64_t keep_due_ms(const struct manager *m);

/* A worker was heard. */
void keep_heard(struct manager *m, struct worker *worker);
/* A task or worker is deleted in this batch, its samples with it: in the store now, in memory when
 * keep_settle() says how the batch ended. */
void keep_forget(struct manager *m, enum metrics_kind kind, const char *owner);
void keep_forget_beats(struct manager *m, struct worker *worker);
void keep_settle(struct manager *m, bool committed);
/* Workers were read from the store again. */
void keep_recovered(struct manager *m);
