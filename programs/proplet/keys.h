/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The workload key of the worker (PROPLET_WORKLOAD_KEY, spec/seal.md): with it only sealed commands
 * and modules are taken, announcements and notices are signed, results sealed. Without one all of
 * these pass things on as they are.
 *
 * With a key the memory of the whole process is locked as far as the limits allow, and never
 * dumped; where it could be written to swap the worker does not start, unless its operator said so.
 */
#include "proplet/worker.h"
#include "seal/seal.h"

/* Puts the setting's keys into worker->ring, and wipes the setting; worker->folder is set before.
 */
bool keys_open(struct worker *worker, struct proplet_settings *settings,
		struct error *err) MUST_CHECK;

/* A message of the worker for publishing, sealed or signed; they take the text over, and give one
 * in any case. */
char *keys_seal_report(const struct worker *worker, char *text);
char *keys_sign(const struct worker *worker, enum seal_direction direction, const char *topic,
		char *text);

/*
 * What counts of a command for this worker, borrowed from it or from `json`. ERROR_INTEGRITY or
 * ERROR_KEY_MISMATCH: it is not sealed although it has to be, or cannot be opened.
 */
bool keys_open_command(struct worker *worker, struct bytes *message, struct buf *json,
		struct error *err) MUST_CHECK;
/* The module of the old form, which is sealed in Propeller's way if at all. */
bool keys_open_inline(const struct worker *worker, const char *checksum, struct buf *module,
		struct error *err) MUST_CHECK;
/* What is told of what cannot be opened, as Propeller tells it. */
extern const char keys_refusal[];
