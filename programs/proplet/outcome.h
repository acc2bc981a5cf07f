/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* From what the engine says of a run to what is reported. Pure. */
#include "engine/engine.h"
#include "model/outcome.h"

/* It ended by itself. Takes the result's content. */
void outcome_ended(struct outcome *outcome, struct run_result *result);
/* It was ended, or never began: err says why. */
void outcome_failed(struct outcome *outcome, struct run_result *result, const struct error *err);
