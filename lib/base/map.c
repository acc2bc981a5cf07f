/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open addressing with linear probing. A removed pair leaves its place marked as dead and nothing
 * else moves, which is what allows map_next() to go on after a removal; the marks go away when the
 * table is laid out anew.
 */
#include "base/map.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"

enum { FIRST_PLACES = 16 };

struct place {
	char *key; /* NULL: free or dead */
	void *value;
	uint64_t hash;
	bool dead;
};

struct map {
	struct place *places;
	size_t size;  /* a power of two */
	size_t count; /* pairs */
	size_t used;  /* pairs and dead places */
	uint64_t seed[2];
};

static uint64_t rotate(uint64_t x, int by) {
	return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4]) {
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32) + v[3];
	v[2] += v[1];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word) {
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

/* SipHash-1-3. */
static uint64_t hash_of(const struct map *map, const char *key) {
	size_t size = strlen(key), left = size;
	uint64_t v[4] = { map->seed[0] ^ 0x736f6d6570736575, map->seed[1] ^ 0x646f72616e646f6d,
		map->seed[0] ^ 0x6c7967656e657261, map->seed[1] ^ 0x7465646279746573 };
	for (; left >= 8; key += 8, left -= 8) {
		uint64_t word;
		memcpy(&word, key, 8);
		sip_word(v, word);
	}
	uint64_t last = 0;
	memcpy(&last, key, left);
	sip_word(v, last ^ (uint64_t)size << 56);
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++) {
		sip_round(v);
	}
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct map *map_create(void) {
	struct map *map = MEM_NEW(struct map);
	map->size = FIRST_PLACES;
	map->places = mem_zero(map->size, sizeof(*map->places));
	random_bytes(map->seed, sizeof(map->seed));
	return map;
}

void map_destroy(struct map *map) {
	if (map == NULL) {
		return;
	}
	for (size_t i = 0; i < map->size; i++) {
		free(map->places[i].key);
	}
	free(map->places);
	free(map);
}

size_t map_count(const struct map *map) {
	return map->count;
}

/* The place of the key, or the free one that ends the search for it. */
static struct place *find(const struct map *map, const char *key, uint64_t hash) {
	for (size_t i = hash;; i++) {
		struct place *place = &map->places[i & (map->size - 1)];
		if (place->key == NULL && !place->dead) {
			return place;
		}
		if (place->key != NULL && place->hash == hash && strcmp(place->key, key) == 0) {
			return place;
		}
	}
}

void *map_get(const struct map *map, const char *key) {
	return find(map, key, hash_of(map, key))->value;
}

/* Moves all pairs to a table in which they take at most half of the places. */
static void lay_out_anew(struct map *map) {
	struct place *old = map->places;
	size_t old_size = map->size;
	while (map->size < 2 * (map->count + 1)) {
		map->size *= 2;
	}
	map->places = mem_zero(map->size, sizeof(*map->places));
	map->used = map->count;
	for (size_t i = 0; i < old_size; i++) {
		if (old[i].key != NULL) {
			*find(map, old[i].key, old[i].hash) = old[i];
		}
	}
	free(old);
}

void *map_put(struct map *map, const char *key, void *value) {
	uint64_t hash = hash_of(map, key);
	struct place *place = find(map, key, hash);
	if (place->key != NULL) {
		void *before = place->value;
		place->value = value;
		return before;
	}
	if (map->used + 1 > map->size / 4 * 3) {
		lay_out_anew(map);
		place = find(map, key, hash);
	}
	*place = (struct place){ .key = mem_copy(key, strlen(key)), .value = value, .hash = hash };
	map->count++;
	map->used++;
	return NULL;
}

void *map_remove(struct map *map, const char *key) {
	struct place *place = find(map, key, hash_of(map, key));
	if (place->key == NULL) {
		return NULL;
	}
	void *value = place->value;
	free(place->key);
	*place = (struct place){ .dead = true };
	map->count--;
	return value;
}

bool map_next(const struct map *map, size_t *at, const char **key, void **value) {
	for (; *at < map->size; (*at)++) {
		const struct place *place = &map->places[*at];
		if (place->key != NULL) {
			*key = place->key;
			*value = place->value;
			(*at)++;
			return true;
		}
	}
	return false;
}
