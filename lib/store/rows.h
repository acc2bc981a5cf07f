/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the store remembers of the tasks that it wrote lately, so that a move needs no look at an
 * index: a small table by the hash of the id in which a newer task takes the place of an older one.
 * It knows nothing that the database does not know, and may forget at any time. One thread.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"

struct row {
	char id[UUID_SIZE];
	bool queued;
	int64_t seq;   /* the number of its rows */
	int64_t place; /* in the line of live tasks; 0: not live */
	int64_t moves; /* the number of its last move; 0: none */
};

struct rows;
struct rows *rows_create(void); /* never NULL */
void rows_destroy(struct rows *rows);
struct row *rows_get(struct rows *rows, const char *id); /* NULL: not remembered */
/* Remembers it; the pointer is good until the next call of rows_put(). */
struct row *rows_put(struct rows *rows, const struct row *row);
void rows_forget(struct rows *rows, const char *id);
void rows_forget_all(struct rows *rows);
