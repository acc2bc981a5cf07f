/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A worker as the manager knows it: what it said about itself, when it was heard, what it holds.
 * It owns everything it points to. Pure.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/message.h"

enum { PROPLET_BEATS = 10, PROPLET_INTERVAL_DEFAULT_MS = 10 * 1000, PROPLET_MISSED_MAX = 3 };

struct proplet {
	char *id;
	char *name;       /* two words, given by the manager */
	char *space;      /* namespace */
	json_t *metadata; /* an object or NULL */
	char boot[UUID_SIZE];
	bool ours;
	bool verified;          /* it has shown that it has the workload key */
	bool counts_gas;        /* else limits.gas would be none */
	struct strings engines; /* empty: not said (multipass only) */
	uint64_t slots, interval_ms, cpus, memory_bytes, memory_free_bytes;
	uint64_t next_command; /* the number of the next start to this boot; from 1 */
	uint64_t boot_number;  /* of the boot, where it says one */
	int64_t created_at;

	/* Not stored with it. */
	uint64_t seen_command;        /* the highest that it said to have seen, in this boot */
	bool heard;                   /* since the manager began */
	bool offline;                 /* it said so; until it is heard again */
	uint64_t heard_ms;            /* clock_ms() of the last heartbeat */
	int64_t beats[PROPLET_BEATS]; /* wall ns, a ring */
	unsigned beat_count;
	uint64_t running; /* attempts placed on it now */
};

struct proplet *proplet_create(const char *id);
void proplet_destroy(struct proplet *proplet);
/*
 * Takes over what a message says; returns true if something that is stored has changed. It lives
 * from the first message on that shows how to speak to it: workers of ours from an announcement,
 * others from a heartbeat, because they announce themselves before they listen.
 */
bool proplet_hear(struct proplet *proplet, const struct presence *presence, uint64_t now_ms,
		int64_t wall_ns);
/*
 * True if it has said more since: it is from an earlier boot, or from before a command that this
 * one has seen. A signature does not say when; this does, since boots are numbered as commands are.
 */
bool proplet_has_moved_on(const struct proplet *proplet, const struct presence *presence);
bool proplet_alive(const struct proplet *proplet, uint64_t now_ms);
/* clock_ms() at which it counts as dead: three intervals after it was heard. */
uint64_t proplet_deadline(const struct proplet *proplet);
bool proplet_has_engine(const struct proplet *proplet, const char *engine); /* NULL: any */
/* Propeller's worker for microcontrollers (Zephyr, WAMR), by its metadata: see command_encode_old.
 */
bool proplet_is_chip(const struct proplet *proplet);
/* Propeller's PropletView. */
json_t *proplet_view(const struct proplet *proplet, uint64_t now_ms);
/* A page of the times at which it was heard, oldest first, at most PROPLET_BEATS; *total of them.
 */
json_t *proplet_history(
		const struct proplet *proplet, uint64_t offset, uint64_t limit, size_t *total);
/* The times themselves: how many; and for one that has not been heard yet, those of before. */
unsigned proplet_beats(const struct proplet *proplet, int64_t at[PROPLET_BEATS]);
void proplet_remember(struct proplet *proplet, const int64_t *at, unsigned count);
/* For the store. */
json_t *proplet_save(const struct proplet *proplet);
struct proplet *proplet_load(const char *id, const json_t *saved, struct error *err);
