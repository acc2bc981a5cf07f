/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

static bool take_lock(struct state *state, struct error *err) {
	CLEANUP(mem_freep) char *path = str_format("%s/lock", state->folder);
	state->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (state->lock < 0) {
		return error_errno(err, errno, "making %s", path);
	}
	return flock(state->lock, LOCK_EX | LOCK_NB) == 0 ||
	       error_set(err, ERROR_CONFLICT,
			       "another worker with this client id uses %s: end it, or choose "
			       "another PROPLET_CLIENT_ID or PROPLET_STATE_DIR",
			       state->folder);
}

static bool open_parts(struct state *state, struct error *err) {
	state->external = str_format("%s/external", state->folder);
	if (!file_make_folder(state->external, err)) {
		return false;
	}
	if (state->temporary) {
		return true;
	}
	state->results = str_format("%s/results", state->folder);
	return file_make_folder(state->results, err) && take_lock(state, err);
}

static bool open_temporary(struct state *state, struct error *err) {
	state->temporary = true;
	state->folder = str_copy("/tmp/proplet-XXXXXX");
	return mkdtemp(state->folder) != NULL ||
	       error_set(err, ERROR_INTERNAL,
			       "no temporary folder can be made; set PROPLET_STATE_DIR");
}

static bool try_default(struct state *state, const char *client_id) {
	struct error err;
	CLEANUP(mem_freep) char *base = file_state_folder();
	char *folder = str_format("%s/proplet-%s", base != NULL ? base : "", client_id);
	if (base != NULL && file_make_folder(folder, &err)) {
		state->folder = folder;
		return true;
	}
	log_warn("no folder for state: results are lost if the worker ends while the manager "
		 "cannot be reached; set PROPLET_STATE_DIR");
	free(folder);
	return false;
}

/* The microseconds of the clock, or one more than last time. */
static void count_boot(struct state *state) {
	struct buf text = BUF_INIT(32);
	struct error err;
	uint64_t last = 0;
	CLEANUP(mem_freep) char *path = str_format("%s/boots", state->folder);
	state->boot_number = (uint64_t)(clock_wall_ns() / 1000);
	if (file_read(path, &text, &err) && str_to_u64(buf_text(&text), &last, &err) &&
			last >= state->boot_number) {
		state->boot_number = last + 1;
	}
	buf_finish(&text);
	CLEANUP(mem_freep) char *now = str_format("%llu", (unsigned long long)state->boot_number);
	if (!state->temporary && !file_write(path, now, strlen(now), 0600, &err)) {
		log_warn("the number of this boot cannot be kept error=\"%s\"", err.message);
	}
}

bool state_open(struct state *state, const char *state_dir, const char *client_id,
		struct error *err) {
	*state = (struct state){ .lock = -1 };
	if (state_dir != NULL) {
		state->folder = str_format("%s/proplet-%s", state_dir, client_id);
		if (!file_make_state(state_dir, err) || !file_make_folder(state->folder, err)) {
			return error_wrap(err, "setting PROPLET_STATE_DIR");
		}
	} else if (!try_default(state, client_id) && !open_temporary(state, err)) {
		return false;
	}
	if (!open_parts(state, err)) {
		return false;
	}
	count_boot(state);
	return true;
}

void state_close(struct state *state) {
	if (state->temporary && state->external != NULL) {
		(void)rmdir(state->external);
		(void)rmdir(state->folder);
	}
	free(state->folder);
	free(state->external);
	free(state->results);
	file_closep(&state->lock);
	*state = (struct state){ .lock = -1 };
}
