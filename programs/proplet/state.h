/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The worker's folder on disk: "proplet-<client id>" in PROPLET_STATE_DIR, or else in what systemd
 * or the user's environment name for state ($STATE_DIRECTORY, $XDG_STATE_HOME/propeller,
 * ~/.local/state/propeller). One process uses it. Where none can be made it is a temporary one, and
 * results do not survive the end of the worker.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct state {
	char *folder;
	char *external;       /* for the files of the external runtime */
	char *results;        /* for the journal; NULL if the folder is a temporary one */
	uint64_t boot_number; /* grows with each state_open(), also if the clock goes back */
	int lock;
	bool temporary;
};

/* ERROR_CONFLICT if another worker uses the folder. `state_dir` may be NULL. */
bool state_open(struct state *state, const char *state_dir, const char *client_id,
		struct error *err) MUST_CHECK;
void state_close(struct state *state); /* removes a temporary folder */
