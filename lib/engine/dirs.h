/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Directories of the host that runs may ask for: the operator's list, and the way from what a
 * run asks for to an open descriptor that is inside of it. Constant once made: any thread.
 */
#include "engine/engine.h"

/*
 * Opens what a run asks for (O_DIRECTORY, close-on-exec; the caller closes it), or -1: it is not
 * absolute, has "..", is not on the list or below an entry of it, a symbolic link leads out of
 * the entry, it is not a directory, or the entry is read-only and the run wants to write.
 */
int dirs_open(const struct strings *allowed, const struct run_dir *dir, struct error *err);
/* The operator's list can be used: absolute paths, no "..". A last "=ro" makes one read-only. */
bool dirs_check(const struct strings *allowed, struct error *err) MUST_CHECK;

/*
 * openat2() that stays beneath `fd`, whatever links there are and however they change meanwhile;
 * `mode` only with O_CREAT. -1 and errno: EXDEV for a way out.
 */
int dirs_beneath(int fd, const char *path, int flags, unsigned mode);
