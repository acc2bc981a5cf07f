/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Compiled modules by (digest, kind, metered, gas, program): each is fetched and compiled once,
 * however many starts arrive together, and the least recently used go when the cache is over its
 * size. The newest always stays; what is in use is never freed under its user. Safe from any
 * thread.
 *
 * Fetching and compiling happen in a thread of their own, so that one waiter who gives up (stop,
 * deadline) does not disturb the others.
 */
#include "base/digest.h"
#include "engine/engine.h"

struct module_key {
	char digest[DIGEST_HEX_SIZE];
	enum engine_kind kind;
	bool metered;
	bool gas;     /* made to count it: engine_prepare_gas() */
	bool program; /* for calls (program_cache.h), not for runs */
};

/* Where bytes come from: fills `wasm` (an empty buffer with its limit set by the source). */
struct module_source {
	bool (*fetch)(void *context, const char *digest, struct buf *wasm, struct error *err);
	void (*release)(void *context); /* once, when the cache is done with it; may be NULL */
	void *context;
	/* Asked after fetch(), which then fills nothing: bytes that are there until release(), so
	 * that they need not be there twice. NULL: fetch() fills. */
	struct module_text (*lend)(void *context);
};

struct module_cache;
/* Never NULL. As many modules are compiled at once as there are processors, at least two. */
struct module_cache *module_cache_create(
		struct engine *engine, size_t limit_bytes, uint64_t compile_ms);
void module_cache_destroy(struct module_cache *cache); /* waits for its threads */
/*
 * The compiled module, borrowed until module_cache_release(). Waits, at most compile_ms after its
 * compilation began (ERROR_TIMEOUT), and no longer than until the stop is requested
 * (ERROR_INTERRUPTED; run_stop_request() wakes it). `source` is used only if the module is
 * neither there nor on its way, and its release() is called in every case. A failure is told to
 * all who wait and is not remembered.
 */
struct module *module_cache_acquire(struct module_cache *cache, const struct module_key *key,
		const struct module_source *source, struct run_stop *stop,
		struct error *err) MUST_CHECK;
/* The same if it is there already, at once; else NULL. */
struct module *module_cache_get(
		struct module_cache *cache, const struct module_key *key) MUST_CHECK;
void module_cache_release(struct module_cache *cache, struct module *module);
/* As release; and it goes as soon as nobody uses it any more. */
void module_cache_drop(struct module_cache *cache, struct module *module);
bool module_cache_holds(struct module_cache *cache, const struct module_key *key);
size_t module_cache_bytes(struct module_cache *cache);
