/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A hash map from strings to pointers. It copies its keys and does not own its values. Keys are
 * hashed with a random seed, so that nobody outside can choose keys that collide. Not for use
 * from two threads at once.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct map;
struct map *map_create(void);      /* never NULL */
void map_destroy(struct map *map); /* accepts NULL; values are the caller's */
size_t map_count(const struct map *map);
void *map_get(const struct map *map, const char *key); /* NULL if it is not there */
/* Puts a value (not NULL) and returns the one that was there before, or NULL. */
void *map_put(struct map *map, const char *key, void *value);
void *map_remove(struct map *map, const char *key); /* the value that was there, or NULL */
/*
 * Goes through all pairs in no order: size_t at = 0; while (map_next(map, &at, &key, &value)).
 * Removing the pair just seen is allowed meanwhile, any other change is not.
 */
bool map_next(const struct map *map, size_t *at, const char **key, void **value);
