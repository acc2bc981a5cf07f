/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * After a restore (store/restore.h): what was live in the backup, and may have run since.
 *
 * What waited in the queue may have been placed, and have ended, after the backup was made: it does
 * not run again by itself, but is Interrupted (and begins a new attempt where it is to be
 * restarted). What a worker of ours was given is left alone: the worker knows the attempt, or its
 * number, and says how it is. Workers that are not ours say nothing, so what they had is
 * Interrupted, and they are told to stop it.
 */
#include "manager/manager.h"

/* At the beginning of each batch; does its work once. */
void settle_tick(struct manager *m);
