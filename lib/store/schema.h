/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The schema of the database and how it came to be. Steps that were released never change. */
#include "store/store.h"

/* "ASCW": marks a file as ours (PRAGMA application_id). */
#define SCHEMA_APPLICATION 1095975767

/* Is it a file of ours, or one in which there is nothing yet? Writes nothing. */
bool schema_check(struct store *store, struct error *err) MUST_CHECK;
/* Brings the file to this program's schema, and makes the tables of what was measured, which have
 * no version; refuses a newer one and what is not ours. */
bool schema_migrate(struct store *store, struct error *err) MUST_CHECK;
/* The version that this program makes. */
int schema_version(void);
/* The same with other steps, each in a transaction of its own; list[0] makes version 1. */
bool schema_apply(struct store *store, const char *const *list, int count,
		struct error *err) MUST_CHECK;
