/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "bus/sealed.h"
#include "seal/process.h"
#include "seal/v1.h"

const char keys_refusal[] = "Failed to decrypt workload";

static char *form_path(const struct worker *worker) {
	return str_format("%s/key-id", worker->folder);
}

/* Which of its keys, and in which form, the manager knows; it is learnt by opening, and kept for
 * what has to be sealed before anything comes: results of an earlier boot. No secret. */
static void remember_form(const struct worker *worker) {
	struct buf id = BUF_INIT(SEAL_KEY_ID_BYTES);
	struct error err;
	CLEANUP(mem_freep) char *path = form_path(worker);
	if (file_read(path, &id, &err) && id.size == SEAL_KEY_ID_BYTES) {
		(void)seal_ring_prefer(worker->ring, id.data);
	}
	buf_finish(&id);
}

static void keep_form(struct worker *worker) {
	uint8_t id[SEAL_KEY_ID_BYTES];
	struct error err;
	if (!seal_ring_preferred(worker->ring, id) || memcmp(id, worker->form, sizeof(id)) == 0) {
		return;
	}
	CLEANUP(mem_freep) char *path = form_path(worker);
	if (!file_write(path, id, sizeof(id), 0600, &err)) {
		log_warn("which key is in use cannot be kept error=\"%s\"", err.message);
	}
	memcpy(worker->form, id, sizeof(id));
}

bool keys_open(struct worker *worker, struct proplet_settings *settings, struct error *err) {
	if (settings->workload_key == NULL) {
		return true;
	}
	worker->ring = seal_ring_create(settings->client_id, err);
	bool ok = worker->ring != NULL && seal_ring_read(worker->ring, settings->workload_key, err);
	secret_wipe(&settings->workload_key);
	seal_wipe_environment("PROPLET");
	if (!ok) {
		return error_wrap(err, "setting PROPLET_WORKLOAD_KEY");
	}
	remember_form(worker);
	return seal_protect_process("PROPLET", settings->allow_swap, err);
}

/* Instead of something that cannot be sealed nothing readable leaves. */
static char *or_nothing(char *sealed, char *text, const struct error *err) {
	free(text);
	if (sealed == NULL) {
		log_error("a message cannot be sealed error=\"%s\"", err->message);
		return str_copy("{}");
	}
	return sealed;
}

char *keys_seal_report(const struct worker *worker, char *text) {
	struct error err;
	if (worker->ring == NULL) {
		return text;
	}
	char *sealed = sealed_wrap(
			worker->ring, SEAL_RESULT, worker->settings->client_id, text, &err);
	return or_nothing(sealed, text, &err);
}

char *keys_sign(const struct worker *worker, enum seal_direction direction, const char *topic,
		char *text) {
	struct error err;
	if (worker->ring == NULL) {
		return text;
	}
	char *sealed = sealed_sign(
			worker->ring, direction, worker->settings->client_id, topic, text, &err);
	return or_nothing(sealed, text, &err);
}

bool keys_open_command(
		struct worker *worker, struct bytes *message, struct buf *json, struct error *err) {
	if (worker->ring == NULL) {
		return !sealed_is(*message) ||
		       error_set(err, ERROR_KEY_MISMATCH,
				       "the command is sealed, and this worker has no "
				       "PROPLET_WORKLOAD_KEY");
	}
	if (!sealed_unwrap(worker->ring, SEAL_COMMAND, worker->settings->client_id, *message, json,
			    err)) {
		return false;
	}
	keep_form(worker);
	*message = (struct bytes){ json->data, json->size };
	return true;
}

bool keys_open_inline(const struct worker *worker, const char *checksum, struct buf *module,
		struct error *err) {
	struct seal_memory plain;
	if (worker->ring == NULL) {
		return true;
	}
	struct bytes envelope = { module->data, module->size };
	if (!seal_v1_open(worker->ring, envelope, checksum[0] != 0 ? checksum : NULL, &plain,
			    err)) {
		return error_wrap(err, "%s", keys_refusal);
	}
	buf_clear(module);
	bool ok = buf_append(module, plain.data, plain.size, err);
	seal_memory_finish(&plain);
	return ok;
}
