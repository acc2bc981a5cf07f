/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A database out of a backup: whether it may become a manager's, and what has to be in it then.
 *
 * A restored manager does not know what the lost one did after the backup. So that it gives no
 * number a second time it counts in a new era: attempts of tasks that were in the backup, and
 * commands to workers, go on from the microsecond of the restore (store_era()), which is above
 * all that was counted before, since neither is counted faster than a microsecond. And what waited
 * in its queue may have run meanwhile: the manager settles that when it begins (store_settle()).
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

struct restored_database {
	const char *path;
	const struct strings *digests; /* of the modules that came with it, ascending */
	uint64_t missing, schema;      /* as the manifest says */
	uint64_t tasks;                /* set by restored_check() */
};
/*
 * ERROR_INTEGRITY: the file is damaged, is none of ours, has what ours never has (triggers, views),
 * or names modules that are not there. ERROR_INVALID: it is of a newer program.
 */
bool restored_check(struct restored_database *database, struct error *err) MUST_CHECK;
/* Brings it to this program's schema, and begins its new era. The file is durable then. */
bool restored_mark(const struct restored_database *database, struct error *err) MUST_CHECK;
