/* SPDX-License-Identifier: Apache-2.0 */
#include "store/private.h"

#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/mem.h"

/* What an envelope is bound to, as in spec/seal.md. */
static const char *const subjects[] = {
	[PRIVATE_BODY] = "tasks.body",
	[PRIVATE_METADATA] = "tagged.metadata",
	[PRIVATE_ERROR] = "outcomes.error",
	[PRIVATE_RESULTS] = "outcomes.results",
	[PRIVATE_OUT] = "outcomes.out",
	[PRIVATE_ERR] = "outcomes.err",
	[PRIVATE_CAUSE] = "moves.cause",
};

static struct seal_context context_of(const struct private_place *place) {
	return (struct seal_context){ .direction = SEAL_STORE,
		.task_id = place->task,
		.subject = subjects[place->column],
		.index = place->index };
}

/* --- writing ------------------------------------------------------------------------------- */

static bool bind_sealed(struct store *store, sqlite3_stmt *s, int at,
		const struct private_place *place, struct bytes value, struct error *err) {
	const struct seal_context context = context_of(place);
	uint8_t *envelope = mem_zero(SEAL_OVERHEAD_BYTES + value.size, 1);
	if (!seal_box_into(store->ring, &context, value, envelope, err)) {
		free(envelope);
		database_end(s);
		store_rollback(store);
		return false;
	}
	(void)sqlite3_bind_blob64(s, at, envelope, SEAL_OVERHEAD_BYTES + value.size, free);
	return true;
}

bool private_bind(struct store *store, sqlite3_stmt *s, int at, const struct private_place *place,
		struct bytes value, struct error *err) {
	if (value.size != 0 && store->ring != NULL) {
		return bind_sealed(store, s, at, place, value, err);
	}
	if (value.size != 0) {
		(void)sqlite3_bind_blob64(s, at, value.data, value.size, SQLITE_STATIC);
	}
	return true;
}

bool private_bind_text(struct store *store, sqlite3_stmt *s, int at,
		const struct private_place *place, const char *text, struct error *err) {
	if (store->ring == NULL || text == NULL || text[0] == 0) {
		database_bind_text(s, at, text);
		return true;
	}
	const struct bytes value = { (const uint8_t *)text, strlen(text) };
	return bind_sealed(store, s, at, place, value, err);
}

void private_bind_key(struct store *store, sqlite3_stmt *s, int at) {
	if (store->ring != NULL) {
		(void)sqlite3_bind_blob(s, at, store->key, sizeof(store->key), SQLITE_STATIC);
	}
}

/* --- reading ------------------------------------------------------------------------------- */

bool private_is_sealed(sqlite3_stmt *s, int column) {
	return sqlite3_column_type(s, column) == SQLITE_BLOB;
}

static bool open_value(struct store *store, const struct private_place *place,
		struct private_value *value, struct error *err) {
	const struct seal_context context = context_of(place);
	if (store->ring == NULL || value->bytes.size < SEAL_OVERHEAD_BYTES) {
		return error_set(err, ERROR_INTEGRITY, "column %s of task %s is no envelope",
				subjects[place->column], place->task);
	}
	size_t size = value->bytes.size - SEAL_OVERHEAD_BYTES;
	value->opened = mem_zero(size + 1, 1);
	if (!seal_open_into(store->ring, &context, value->bytes, value->opened, err)) {
		private_finish(value);
		return error_wrap(
				err, "column %s of task %s", subjects[place->column], place->task);
	}
	value->bytes = (struct bytes){ value->opened, size };
	return true;
}

bool private_read(struct store *store, sqlite3_stmt *s, int column, bool sealed,
		const struct private_place *place, struct private_value *value, struct error *err) {
	const uint8_t *bytes = sqlite3_column_type(s, column) == SQLITE_TEXT
					       ? sqlite3_column_text(s, column)
					       : sqlite3_column_blob(s, column);
	size_t size = (size_t)sqlite3_column_bytes(s, column);
	*value = (struct private_value){ .bytes = { bytes, size } };
	return bytes == NULL || !sealed || open_value(store, place, value, err);
}

void private_finish(struct private_value *value) {
	free(value->opened);
	*value = (struct private_value){ 0 };
}

bool private_json(struct store *store, sqlite3_stmt *s, int column,
		const struct private_place *place, json_t **json, struct error *err) {
	struct private_value value;
	*json = NULL;
	if (!private_read(store, s, column, private_is_sealed(s, column), place, &value, err)) {
		return false;
	}
	if (value.bytes.data != NULL) {
		*json = json_loadb((const char *)value.bytes.data, value.bytes.size,
				JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	}
	private_finish(&value);
	return true;
}

/* --- which keys there are -------------------------------------------------------------------- */

/* An envelope of nothing: who opens it has the key. */
static const struct seal_context proof_context = { .direction = SEAL_STORE,
	.subject = "sealed_with" };

static bool check_key(struct store *store, sqlite3_stmt *s, struct error *err) {
	uint8_t nothing[1];
	char name[SEAL_KEY_NAME_SIZE] = "";
	const uint8_t *key = sqlite3_column_blob(s, 0);
	size_t size = (size_t)sqlite3_column_bytes(s, 0);
	const struct bytes proof = { sqlite3_column_blob(s, 1),
		(size_t)sqlite3_column_bytes(s, 1) };
	if (size == 0) {
		return true; /* of rows that are not sealed */
	}
	if (store->ring != NULL && proof.size == SEAL_OVERHEAD_BYTES &&
			seal_open_into(store->ring, &proof_context, proof, nothing, err)) {
		return true;
	}
	if (size == SEAL_KEY_ID_BYTES) {
		hex_encode(key, size, name);
	}
	return error_set(err, ERROR_KEY_MISMATCH,
			"the database %s has rows that are sealed with a workload key that is not "
			"here (key id %s): add that key to MANAGER_WORKLOAD_KEY, behind the new "
			"one "
			"if there is one, or use another file",
			store->where, name);
}

static size_t key_size(const struct store *store) {
	return store->ring != NULL ? SEAL_KEY_ID_BYTES : 0;
}

/* Is it that of new rows? */
static bool is_ours(const struct store *store, sqlite3_stmt *s) {
	size_t size = key_size(store);
	return (size_t)sqlite3_column_bytes(s, 0) == size &&
	       (size == 0 || memcmp(sqlite3_column_blob(s, 0), store->key, size) == 0);
}

static bool check_keys(struct store *store, bool *noted, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_KEYS);
	int code;
	*noted = store->stale = false;
	while ((code = database_row(store, s, "reading which keys there are", err)) == SQLITE_ROW) {
		bool ours = is_ours(store, s);
		*noted = *noted || ours;
		store->stale = store->stale || !ours;
		if (!check_key(store, s, err)) {
			database_end(s);
			return false;
		}
	}
	return code == SQLITE_DONE;
}

/* Before the first row that needs it. */
static bool note_key(struct store *store, const uint8_t *proof, size_t size, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_KEY_ADD);
	(void)sqlite3_bind_blob(s, 1, store->key, (int)key_size(store), SQLITE_STATIC);
	(void)sqlite3_bind_blob(s, 2, proof, (int)size, SQLITE_STATIC);
	return store_begin(store, err) && database_write(store, s, "noting a key", err) &&
	       store_commit(store, err);
}

bool private_open(struct store *store, struct error *err) {
	uint8_t proof[SEAL_OVERHEAD_BYTES] = { 0 };
	bool noted, sealed = store->ring != NULL;
	if (sealed && !seal_box_into(store->ring, &proof_context, (struct bytes){ 0 }, proof,
				      err)) {
		return false;
	}
	memcpy(store->key, proof + 1, SEAL_KEY_ID_BYTES);
	return check_keys(store, &noted, err) &&
	       (noted || note_key(store, proof, sealed ? sizeof(proof) : 0, err));
}
