/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * From a backup to a manager's folder of state, all or nothing.
 *
 * Everything goes into a folder beside the one that is wanted. Only when the last byte is there and
 * verified, the database is whole, ours and not of a newer program, every module that it names is
 * there, and all is durable, that folder takes the name. Until then nothing is where a manager
 * would look for it, and restore_destroy() takes it away.
 *
 * The database then knows that it was restored, and when: its era (restored.c). For one thread.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "store/archive.h"

struct restore;
/*
 * `state_dir`: does not exist, or is an empty folder; else ERROR_CONFLICT. NULL: only to see
 * whether the backup is good; then the database goes into a temporary folder ($TMPDIR, /var/tmp),
 * and modules nowhere.
 */
struct restore *restore_begin(const char *state_dir, struct error *err) MUST_CHECK;
/* As archive_reader_add(); also ERROR_NO_SPACE, at the manifest already if it cannot fit. */
bool restore_add(struct restore *restore, struct bytes piece, struct error *err) MUST_CHECK;
/* All of it has come: checks what is left to check, and gives the folder its name. */
bool restore_finish(struct restore *restore, struct error *err) MUST_CHECK;
void restore_destroy(struct restore *restore); /* accepts NULL */

const struct archive_manifest *restore_manifest(const struct restore *restore);
/* As archive_reader_rotten(). */
uint64_t restore_rotten(const struct restore *restore);
/* How many tasks there are in it, after restore_finish(). */
uint64_t restore_tasks(const struct restore *restore);
