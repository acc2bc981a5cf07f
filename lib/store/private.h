/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The private columns of tasks: what was asked for and what came of it. With a workload key each
 * value is an envelope of its own (direction `store`, spec/seal.md, "Rows"), bound to its task and
 * its column; without one it stands there as it is. Values of both kinds, and of several keys, may
 * stand side by side: the database knows which keys there are (table sealed_with), and nobody opens
 * it who has not all of them. Only lib/store includes this.
 */
#include "base/bytes.h"
#include "store/database.h"

enum private_column {
	PRIVATE_BODY,
	PRIVATE_METADATA,
	PRIVATE_ERROR,
	PRIVATE_RESULTS,
	PRIVATE_OUT,
	PRIVATE_ERR,
	PRIVATE_CAUSE,
};
struct private_place {
	enum private_column column;
	const char *task;
	uint64_t index; /* of a move */
};

/*
 * Binds a value, which has to live until the statement ends; an empty one is NULL. False when it
 * cannot be sealed: then the statement is ended and the transaction rolled back.
 */
bool private_bind(struct store *store, sqlite3_stmt *statement, int at,
		const struct private_place *place, struct bytes value,
		struct error *err) MUST_CHECK;
bool private_bind_text(struct store *store, sqlite3_stmt *statement, int at,
		const struct private_place *place, const char *text, struct error *err) MUST_CHECK;
/* The key of the rows of outcomes, whose values do not tell by themselves. */
void private_bind_key(struct store *store, sqlite3_stmt *statement, int at);

/* A value that was read: finish it before the next row. */
struct private_value {
	struct bytes bytes; /* data is NULL where the column is */
	uint8_t *opened;
};
/* `sealed`: it is an envelope. ERROR_INTEGRITY, ERROR_KEY_MISMATCH. */
bool private_read(struct store *store, sqlite3_stmt *statement, int column, bool sealed,
		const struct private_place *place, struct private_value *value,
		struct error *err) MUST_CHECK;
void private_finish(struct private_value *value);
/* For columns of text, where envelopes are blobs. */
bool private_is_sealed(sqlite3_stmt *statement, int column);
/* JSON of a column of text; *json is NULL where there is none. The caller drops it. */
bool private_json(struct store *store, sqlite3_stmt *statement, int column,
		const struct private_place *place, json_t **json, struct error *err) MUST_CHECK;

/* At the opening of a store: whether all its keys are here, and notes that of new rows. */
bool private_open(struct store *store, struct error *err) MUST_CHECK;
