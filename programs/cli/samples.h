/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The sample tasks that `up --samples` runs: each result is compared with what it must be. */
#include "cli/cli.h"

/* Prints a table. False if one is wrong or missing. */
bool samples_run(struct manager *manager, const char *examples);
