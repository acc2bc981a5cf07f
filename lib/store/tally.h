/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How many rows there are, and which one is the n-th from the end: a count for every run of 256
 * row numbers, in memory. A list of a million tasks can so be entered anywhere without walking
 * over what comes before, and its length is known. It follows the store's transactions.
 *
 * One thread. Two bytes per 256 rows that ever were.
 */
#include <stdbool.h>
#include <stdint.h>

#define TALLY_MAX ((int64_t)1 << 36)

struct tally;
struct tally *tally_create(void); /* never NULL */
void tally_destroy(struct tally *tally);
/* Row numbers are 1 ... TALLY_MAX; a row is added once, and removed only when it was added. */
void tally_add(struct tally *tally, int64_t row);
void tally_remove(struct tally *tally, int64_t row);
uint64_t tally_total(const struct tally *tally);
/*
 * Where to begin for the row that `offset` rows with higher numbers precede: the *skip-th (from 0)
 * of those not above *top. *skip is less than 256. False if there are not that many.
 */
bool tally_find(const struct tally *tally, uint64_t offset, int64_t *top, uint64_t *skip);
void tally_commit(struct tally *tally);   /* what was done is final */
void tally_rollback(struct tally *tally); /* undoes everything since the last commit */
