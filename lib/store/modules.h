/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Module files: each module once, under its SHA-256, in one folder.
 *
 * A file is written beside its place, fsynced, renamed, and its folder fsynced before anything
 * refers to it. A pin keeps a digest's file from being removed between its upload and the commit
 * that refers to it. Safe from any thread.
 *
 * With a workload key files are sealed, in every moment (seal/blocks.h); plain ones from before
 * are read still, and replaced when the same module comes again.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/error.h"
#include "seal/keys.h"
#include "store/module_file.h"

struct modules;
/* Makes the folder (0700), removes what interrupted uploads left. `ring` (borrowed) is that of the
 * workload key, NULL without one. */
struct modules *modules_open(
		const char *folder, struct seal_ring *ring, struct error *err) MUST_CHECK;
void modules_close(struct modules *modules);

/* An upload in bounded memory. Never NULL; a file is made when the bytes outgrow a small buffer,
 * or at its end when the module is new. */
struct module_upload;
struct module_upload *modules_begin(struct modules *modules, uint64_t max_bytes) MUST_CHECK;
/* ERROR_TOO_LARGE past max_bytes, ERROR_NO_SPACE, ERROR_MODULE if it does not begin as wasm; what
 * was written is gone then, and the upload only to be destroyed. */
bool module_upload_add(
		struct module_upload *upload, struct bytes piece, struct error *err) MUST_CHECK;
/*
 * Checks that it is a module (or component) whose sections fit the file, puts the file into its
 * place, durable, and pins it. The upload is to be destroyed all the same. `shown` gets Propeller's
 * redaction of its base64 (at most 31 characters and a zero byte).
 */
struct module_info {
	char digest[DIGEST_HEX_SIZE];
	uint64_t size;
	char shown[32];
};
bool module_upload_finish(struct module_upload *upload, struct module_info *info,
		struct error *err) MUST_CHECK;
/* Unfinished: removes what was written. Accepts NULL. */
void module_upload_destroy(struct module_upload *upload);
void modules_unpin(struct modules *modules, const char *digest);

/* To be read and closed by the caller, or NULL: see module_file_open(). */
struct module_file *modules_open_file(
		struct modules *modules, const char *digest, struct error *err) MUST_CHECK;
/*
 * Writes a file anew that is plain or sealed with another key than the ring's first; *written says
 * whether it was one. ERROR_INTEGRITY: its bytes are not that module any more.
 */
bool modules_reseal(struct modules *modules, const char *digest, bool *written,
		struct error *err) MUST_CHECK;
/* Removes the file unless it is pinned; the caller knows that no task refers to it. */
void modules_remove(struct modules *modules, const char *digest);
/*
 * For a backup: from now on what modules_remove() takes away goes into `folder` (on the same disk)
 * instead, where modules_open_held() still finds it, until modules_let_go(). One at a time. The
 * caller empties the folder.
 */
void modules_hold(struct modules *modules, const char *folder);
void modules_let_go(struct modules *modules);
/* The file as it lies on the disk, plain or sealed; -1, and ERROR_NOT_FOUND: there is none. */
int modules_open_held(struct modules *modules, const char *digest, struct error *err) MUST_CHECK;
/* Visits every digest in the folder (for the sweep at start). */
bool modules_each(struct modules *modules, void (*visit)(void *context, const char *digest),
		void *context, struct error *err) MUST_CHECK;
