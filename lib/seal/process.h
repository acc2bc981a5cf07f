/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a program does for itself once it has a workload key, because plaintext goes through it.
 * `prefix` is that of its settings, "PROPLET". Before it has threads.
 */
#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"

/* Zeroes PREFIX_WORKLOAD_KEY and PREFIX_WORKLOAD_KEYS in the environment, which is memory as well.
 */
void seal_wipe_environment(const char *prefix);
/*
 * No core dumps, and all memory locked, each page when it is first touched. Where that is not
 * allowed and swap is in use: an error that says what to do, unless `allow_swap`; else a warning.
 */
bool seal_protect_process(const char *prefix, bool allow_swap, struct error *err) MUST_CHECK;
