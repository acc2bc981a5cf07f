/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/program_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/program.h"

static bool fetch(void *context, const char *digest, struct buf *wasm, struct error *err) {
	struct buf *copy = context;
	(void)digest, (void)err;
	*wasm = *copy;
	*copy = (struct buf){ 0 };
	return true;
}

static void release(void *context) {
	buf_finish(context);
	free(context);
}

/* Whoever asked may be gone when the compilation begins, and its bytes with it. */
static struct program *compile(struct module_cache *cache, const struct module_key *key,
		struct bytes wasm, struct run_stop *stop, struct error *err) {
	struct buf *copy = MEM_NEW(struct buf);
	copy->limit = PROGRAM_MODULE_MAX;
	if (!buf_append(copy, wasm.data, wasm.size, err)) {
		release(copy);
		return NULL;
	}
	const struct module_source source = { .fetch = fetch, .release = release, .context = copy };
	return (struct program *)module_cache_acquire(cache, key, &source, stop, err);
}

struct program *program_acquire(struct module_cache *cache, const struct program_wish *wish,
		struct run_stop *stop, struct error *err) {
	struct module_key key = { .kind = wish->kind, .metered = wish->metered, .program = true };
	if (wish->wasm.size > PROGRAM_MODULE_MAX) {
		error_set(err, ERROR_TOO_LARGE, "the module has %zu bytes, at most %d are accepted",
				wish->wasm.size, (int)PROGRAM_MODULE_MAX);
		return NULL;
	}
	if (wish->digest != NULL) {
		(void)snprintf(key.digest, sizeof(key.digest), "%s", wish->digest);
	} else {
		digest_hex(wish->wasm.data, wish->wasm.size, key.digest);
	}
	struct module *there = module_cache_get(cache, &key);
	return there != NULL ? (struct program *)there
			     : compile(cache, &key, wish->wasm, stop, err);
}

void program_release(struct module_cache *cache, struct program *program) {
	module_cache_release(cache, program_module(program));
}
