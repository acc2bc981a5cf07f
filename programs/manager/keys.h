/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The workload key of the manager (MANAGER_WORKLOAD_KEY, spec/seal.md): with it every command and
 * every chunk for our workers is sealed, their announcements have to be signed and their results
 * sealed. Without one all of these pass things on as they are.
 */
#include "base/buf.h"
#include "manager/manager.h"
#include "seal/seal.h"

/* Puts the setting's key into m->ring, and wipes the setting. */
bool keys_open(struct manager *m, struct manager_settings *settings, struct error *err) MUST_CHECK;

/* The text for a worker, sealed if there is a key; takes the text over. NULL only if it cannot be
 * sealed, which is logged. */
char *keys_seal_command(const struct manager *m, const char *worker, char *text);

/*
 * What counts of a message, borrowed from it or from `json`: of a signed or sealed one what was
 * signed or sealed, and *verified is true. Anything else comes back as it is, unverified; but what
 * is sealed and cannot be opened is an error. Any thread.
 */
void keys_open_signed(const struct manager *m, enum seal_direction direction, const char *topic,
		struct bytes *message, struct buf *json, bool *verified);
bool keys_open_report(const struct manager *m, struct bytes *message, struct buf *json,
		bool *verified, struct error *err) MUST_CHECK;

/* What a worker says that cannot open a command: the one result that counts unsealed. */
extern const char keys_refusal[];
