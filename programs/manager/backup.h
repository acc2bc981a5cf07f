/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * GET /backup: everything that is kept, as one file (spec/backup.md), while the manager works on.
 *
 * A thread of its own makes the snapshot (store/snapshot.h) and puts the file's bytes into a small
 * pipe, from which the client's connection takes them; the loop does not notice. One backup at a
 * time. A client that is gone ends it, and so does one that takes less than BACKUP_PACE_BYTES in
 * BACKUP_PACE_MS while it is waited for: as long as a backup runs, deleted modules keep their
 * space. What a program that was killed has left of one is removed at the next start.
 *
 * Threads: as each function says.
 */
#include "http/server.h"

enum {
	BACKUP_PIPE_BYTES = 256 * 1024,
	BACKUP_PACE_BYTES = 1024 * 1024,
	BACKUP_PACE_MS = 60 * 1000,
};

struct backups;
struct manager;

/* At the start; the folder for snapshots is in the folder of state. Never NULL. */
struct backups *backups_create(struct manager *m);
/* Any thread: what runs is cut off, and nothing begins any more. */
void backups_close(struct backups *backups);
/* When the server is gone. Accepts NULL. */
void backups_destroy(struct backups *backups);

/* The handler of GET /backup. */
void api_backup(void *context, struct http_request *request);
