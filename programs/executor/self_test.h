/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* propeller-executor --self-test: known calls in every mode, by the way that orders go. */
#include "executor/executor.h"

/* Prints a table on stdout. 0, or the exit code of what is wrong (spec/errors.def). */
int self_test(struct executor *executor);
