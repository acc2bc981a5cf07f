/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/str.h"
#include "bus/sealed.h"
#include "seal/memory.h"
#include "seal/process.h"

const char keys_refusal[] = "Failed to decrypt workload";

bool keys_open(struct manager *m, struct manager_settings *settings, struct error *err) {
	if (settings->workload_key == NULL) {
		return true;
	}
	m->ring = seal_ring_create(NULL, err);
	bool ok = m->ring != NULL && seal_ring_read(m->ring, settings->workload_key, err);
	secret_wipe(&settings->workload_key);
	seal_wipe_environment("MANAGER");
	return ok ? seal_forbid_dumps(err) : error_wrap(err, "setting MANAGER_WORKLOAD_KEY");
}

char *keys_seal_command(const struct manager *m, const char *worker, char *text) {
	struct error err;
	if (m->ring == NULL) {
		return text;
	}
	char *sealed = sealed_wrap(m->ring, SEAL_COMMAND, worker, text, &err);
	if (sealed == NULL) {
		log_error("a command cannot be sealed proplet=%s error=\"%s\"", worker,
				err.message);
	}
	free(text);
	return sealed;
}

static void use(struct bytes *message, const struct buf *json) {
	*message = (struct bytes){ json->data, json->size };
}

void keys_open_signed(const struct manager *m, enum seal_direction direction, const char *topic,
		struct bytes *message, struct buf *json, bool *verified) {
	struct error err;
	*verified = false;
	CLEANUP(mem_freep) char *sender = m->ring != NULL ? sealed_sender(*message) : NULL;
	if (sender == NULL) {
		return;
	}
	*verified = sealed_verify(m->ring, direction, sender, topic, *message, json, &err);
	if (*verified) {
		use(message, json);
	} else {
		log_debug("a message does not verify proplet=%s topic=%s error=\"%s\"", sender,
				topic, err.message);
	}
}

bool keys_open_report(const struct manager *m, struct bytes *message, struct buf *json,
		bool *verified, struct error *err) {
	*verified = false;
	if (!sealed_is(*message)) {
		return true;
	}
	if (m->ring == NULL) {
		return error_set(err, ERROR_INTEGRITY,
				"it is sealed, and there is no MANAGER_WORKLOAD_KEY here");
	}
	CLEANUP(mem_freep) char *sender = sealed_sender(*message);
	if (sender == NULL) {
		return error_set(err, ERROR_INTEGRITY, "it is sealed, and does not say by whom");
	}
	if (!sealed_unwrap(m->ring, SEAL_RESULT, sender, *message, json, err)) {
		return error_wrap(err, "a result of proplet %s", sender);
	}
	*verified = true;
	use(message, json);
	return true;
}
