/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/ring.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "seal/derive.h"
#include "seal/memory.h"

/* Of the workers that were last heard of; all others cost three derivations more (10 us). */
enum { SLOTS = 128, SLOT_NAME_SIZE = 64 };
_Static_assert((int)SLOTS >= (int)RING_FORMS_MAX, "no two forms of a worker share a slot");

/* What was derived for one worker. */
struct slot {
	char worker[SLOT_NAME_SIZE];
	bool used;
	uint16_t derived; /* bit d: directions[d] is there */
	uint8_t id[SEAL_KEY_ID_BYTES];
	uint8_t worker_key[SEAL_KEY_BYTES];
	uint8_t directions[SEAL_DIRECTIONS][SEAL_KEY_BYTES];
};

/* In locked memory. */
struct vault {
	uint8_t keys[RING_KEYS_MAX][SEAL_KEY_BYTES];
	struct slot slots[SLOTS];
};

struct seal_ring {
	char *worker; /* NULL: a ring of roots */
	size_t count;
	_Atomic size_t preferred; /* a form, or RING_NO_FORM */
	struct seal_memory memory;
	struct vault *vault;
	pthread_mutex_t lock; /* for the slots */
};

static bool check_name(const char *worker, struct error *err) {
	size_t length = strlen(worker);
	return (length > 0 && length <= SEAL_TEXT_MAX) ||
	       error_set(err, ERROR_INVALID, "a worker id has 1 to %d bytes, this one has %zu",
			       SEAL_TEXT_MAX, length);
}

struct seal_ring *seal_ring_create(const char *worker, struct error *err) {
	struct seal_memory memory;
	if ((worker != NULL && !check_name(worker, err)) ||
			!seal_memory_create(&memory, sizeof(struct vault), SEAL_MEMORY_KEYS, err)) {
		return NULL;
	}
	struct seal_ring *ring = MEM_NEW(struct seal_ring);
	ring->worker = str_copy(worker);
	ring->memory = memory;
	ring->vault = (void *)memory.data;
	ring->preferred = RING_NO_FORM;
	(void)pthread_mutex_init(&ring->lock, NULL);
	return ring;
}

bool seal_ring_add(struct seal_ring *ring, const struct seal_key *key, struct error *err) {
	if (ring->count == RING_KEYS_MAX) {
		return error_set(err, ERROR_INVALID, "more than %d workload keys", RING_KEYS_MAX);
	}
	for (size_t i = 0; i < ring->count; i++) {
		if (memcmp(ring->vault->keys[i], seal_key_bytes(key), SEAL_KEY_BYTES) == 0) {
			return error_set(err, ERROR_INVALID,
					"workload keys %zu and %zu are the same", i + 1,
					ring->count + 1);
		}
	}
	memcpy(ring->vault->keys[ring->count], seal_key_bytes(key), SEAL_KEY_BYTES);
	ring->count++;
	return true;
}

void seal_ring_destroy(struct seal_ring *ring) {
	if (ring != NULL) {
		seal_memory_finish(&ring->memory);
		(void)pthread_mutex_destroy(&ring->lock);
		free(ring->worker);
		free(ring);
	}
}

size_t ring_keys(const struct seal_ring *ring) {
	return ring->count;
}

const uint8_t *ring_key_bytes(const struct seal_ring *ring, size_t key) {
	return ring->vault->keys[key];
}

bool ring_check(const struct seal_ring *ring, const char *worker, struct error *err) {
	if (ring->count == 0) {
		return error_set(err, ERROR_INVALID, "there is no workload key");
	}
	return ring->worker == NULL || str_equal(ring->worker, worker) ||
	       error_set(err, ERROR_INVALID,
			       "the workload key of worker %.200s is not for worker %.200s",
			       ring->worker, worker);
}

static bool is_own(size_t form) {
	return form % 2 == 1;
}

bool ring_has_form(const struct seal_ring *ring, size_t form) {
	return form / 2 < ring->count && (ring->worker != NULL || !is_own(form));
}

size_t ring_form(const struct seal_ring *ring) {
	size_t preferred = ring->worker != NULL ? ring->preferred : RING_NO_FORM;
	return preferred == RING_NO_FORM ? 0 : preferred;
}

void ring_opened(struct seal_ring *ring, size_t form) {
	ring->preferred = form;
}

static size_t hash(const char *text) {
	uint32_t value = 2166136261; /* FNV-1a; two that collide only push each other out */
	for (; *text != '\0'; text++) {
		value = (value ^ (uint8_t)*text) * 16777619;
	}
	return value;
}

static void fill_slot(
		struct slot *slot, const struct seal_ring *ring, size_t form, const char *worker) {
	const uint8_t *key = ring->vault->keys[form / 2];
	explicit_bzero(slot, sizeof(*slot));
	if (is_own(form)) {
		memcpy(slot->worker_key, key, SEAL_KEY_BYTES);
	} else {
		seal_derive(key, "worker", worker, slot->worker_key, SEAL_KEY_BYTES);
	}
	seal_derive(slot->worker_key, "id", NULL, slot->id, sizeof(slot->id));
	if (strlen(worker) < SLOT_NAME_SIZE) { /* a longer name would match as little as none */
		memcpy(slot->worker, worker, strlen(worker));
		slot->used = true;
	}
}

/* With the lock held. The forms of one worker lie side by side: its name in a slot is enough. */
static struct slot *slot_of(struct seal_ring *ring, size_t form, const char *worker) {
	struct slot *slot = &ring->vault->slots[(hash(worker) + form) % SLOTS];
	if (!slot->used || !str_equal(slot->worker, worker)) {
		fill_slot(slot, ring, form, worker);
	}
	return slot;
}

size_t ring_find(struct seal_ring *ring, const char *worker, const uint8_t id[SEAL_KEY_ID_BYTES]) {
	size_t found = RING_NO_FORM;
	(void)pthread_mutex_lock(&ring->lock);
	for (size_t form = 0; form < RING_FORMS_MAX && found == RING_NO_FORM; form++) {
		if (ring_has_form(ring, form) && memcmp(slot_of(ring, form, worker)->id, id,
								 SEAL_KEY_ID_BYTES) == 0) {
			found = form;
		}
	}
	(void)pthread_mutex_unlock(&ring->lock);
	return found;
}

void ring_derive(struct seal_ring *ring, size_t form, const char *worker,
		enum seal_direction direction, struct ring_key *key) {
	(void)pthread_mutex_lock(&ring->lock);
	struct slot *slot = slot_of(ring, form, worker);
	if ((slot->derived & 1U << direction) == 0) {
		seal_derive(slot->worker_key, "direction", seal_direction_name(direction),
				slot->directions[direction], SEAL_KEY_BYTES);
		slot->derived = (uint16_t)(slot->derived | 1U << direction);
	}
	memcpy(key->id, slot->id, sizeof(key->id));
	memcpy(key->bytes, slot->directions[direction], sizeof(key->bytes));
	(void)pthread_mutex_unlock(&ring->lock);
}

bool seal_ring_preferred(struct seal_ring *ring, uint8_t id[SEAL_KEY_ID_BYTES]) {
	size_t form = ring->preferred;
	if (ring->worker == NULL || form == RING_NO_FORM) {
		return false;
	}
	(void)pthread_mutex_lock(&ring->lock);
	memcpy(id, slot_of(ring, form, ring->worker)->id, SEAL_KEY_ID_BYTES);
	(void)pthread_mutex_unlock(&ring->lock);
	return true;
}

bool seal_ring_prefer(struct seal_ring *ring, const uint8_t id[SEAL_KEY_ID_BYTES]) {
	size_t form = ring->worker != NULL ? ring_find(ring, ring->worker, id) : RING_NO_FORM;
	if (form != RING_NO_FORM) {
		ring->preferred = form;
	}
	return form != RING_NO_FORM;
}
