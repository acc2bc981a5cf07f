/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/cache.h"

#include <malloc.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/program.h"
#include "engine/stop.h"

enum { LOADER_STACK_BYTES = 4 * ENGINE_STACK_BYTES };

enum entry_state { ENTRY_FETCHES, ENTRY_COMPILES, ENTRY_READY, ENTRY_FAILED };

/* One module, there or on its way. Failed ones are not in the list any more. */
struct entry {
	struct module_cache *cache;
	struct module_key key;
	struct module_source source;
	enum entry_state state;
	struct error error;    /* if it failed */
	struct module *module; /* if it is ready */
	uint64_t late_ms;      /* while it compiles: when waiting for it ends */
	struct run_stop *stop; /* ends its compilation when nobody waits any more */
	bool stoppable;        /* it compiles in a child; known once it is fetched */
	bool abandoned;        /* it was stopped, and is not in the list any more */
	bool unwanted;         /* it goes with its last user */
	size_t users;          /* waiters, runs, and the thread that loads it */
	struct entry *next;
};

struct module_cache {
	struct engine *engine;
	size_t limit_bytes;
	uint64_t compile_ms;
	unsigned slots; /* compilations at once */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct entry *first; /* the most recently used one comes first */
	const struct entry *newest;
	size_t bytes;
	unsigned loading, compiling;
};

struct module_cache *module_cache_create(
		struct engine *engine, size_t limit_bytes, uint64_t compile_ms) {
	struct module_cache *cache = MEM_NEW(struct module_cache);
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	cache->engine = engine;
	cache->limit_bytes = limit_bytes;
	cache->compile_ms = compile_ms;
	cache->slots = processors > 2 ? (unsigned)processors : 2;
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&cache->lock, NULL);
	pthread_cond_init(&cache->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return cache;
}

static void entries_free(struct entry *entry) {
	while (entry != NULL) {
		struct entry *next = entry->next;
		module_destroy(entry->module);
		run_stop_destroy(entry->stop);
		free(entry);
		entry = next;
	}
}

void module_cache_destroy(struct module_cache *cache) {
	if (cache == NULL) {
		return;
	}
	pthread_mutex_lock(&cache->lock);
	while (cache->loading > 0) {
		pthread_cond_wait(&cache->changed, &cache->lock);
	}
	pthread_mutex_unlock(&cache->lock);
	entries_free(cache->first);
	pthread_cond_destroy(&cache->changed);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

static bool key_equal(const struct module_key *a, const struct module_key *b) {
	return a->kind == b->kind && a->metered == b->metered && a->gas == b->gas &&
	       a->program == b->program && strcmp(a->digest, b->digest) == 0;
}

static struct entry *find(const struct module_cache *cache, const struct module_key *key) {
	struct entry *entry = cache->first;
	while (entry != NULL && !key_equal(&entry->key, key)) {
		entry = entry->next;
	}
	return entry;
}

static void list_remove(struct module_cache *cache, const struct entry *entry) {
	struct entry **place = &cache->first;
	while (*place != entry) {
		place = &(*place)->next;
	}
	*place = entry->next;
}

static void list_push(struct module_cache *cache, struct entry *entry) {
	entry->next = cache->first;
	cache->first = entry;
}

/* The least recently used entry that may go. */
static struct entry *victim(const struct module_cache *cache) {
	struct entry *last = NULL;
	for (struct entry *entry = cache->first; entry != NULL; entry = entry->next) {
		if (entry->state == ENTRY_READY && entry->users == 0 && entry != cache->newest) {
			last = entry;
		}
	}
	return last;
}

/* Takes out what is over the size; the caller frees it without the lock. */
static struct entry *evict(struct module_cache *cache) {
	struct entry *out = NULL, *entry;
	while (cache->bytes > cache->limit_bytes && (entry = victim(cache)) != NULL) {
		list_remove(cache, entry);
		cache->bytes -= module_size(entry->module);
		entry->next = out;
		out = entry;
	}
	return out;
}

static void unlock_and_free(struct module_cache *cache, struct entry *out) {
	pthread_mutex_unlock(&cache->lock);
	entries_free(out);
}

static bool on_its_way(const struct entry *entry) {
	return entry->state == ENTRY_FETCHES || entry->state == ENTRY_COMPILES;
}

/* A compilation that nobody waits for ends if it can, or does not begin; who comes later begins
 * anew. */
static void abandon(struct module_cache *cache, struct entry *entry) {
	if (entry->users == 1 && on_its_way(entry) && entry->stoppable && !entry->abandoned) {
		list_remove(cache, entry);
		entry->abandoned = true;
		run_stop_request(entry->stop);
		pthread_cond_broadcast(&cache->changed); /* it may wait for its turn */
	}
}

/* Gives up one use; returns what is to be freed then. Under the lock. */
static struct entry *leave(struct module_cache *cache, struct entry *entry) {
	entry->users--;
	abandon(cache, entry);
	if (entry->users == 0 && (entry->state == ENTRY_FAILED || entry->abandoned)) {
		entry->next = NULL;
		return entry;
	}
	if (entry->users == 0 && entry->unwanted && entry->state == ENTRY_READY) {
		list_remove(cache, entry);
		cache->bytes -= module_size(entry->module);
		entry->next = NULL;
		return entry;
	}
	return evict(cache);
}

static void source_release(struct module_source *source) {
	if (source->release != NULL) {
		source->release(source->context);
	}
	*source = (struct module_source){ 0 };
}

static void begin_compiling(struct entry *entry, size_t wasm_size) {
	struct module_cache *cache = entry->cache;
	pthread_mutex_lock(&cache->lock);
	entry->stoppable = engine_uses_child(cache->engine, entry->key.kind, wasm_size);
	abandon(cache, entry); /* they may have gone while it was fetched */
	while (cache->compiling >= cache->slots && !entry->abandoned) {
		pthread_cond_wait(&cache->changed, &cache->lock);
	}
	cache->compiling++;
	entry->state = ENTRY_COMPILES;
	uint64_t now = clock_ms();
	entry->late_ms =
			cache->compile_ms > UINT64_MAX - now ? UINT64_MAX : now + cache->compile_ms;
	pthread_cond_broadcast(&cache->changed);
	pthread_mutex_unlock(&cache->lock);
}

static struct module *compile(
		struct entry *entry, const struct module_text *text, struct error *err) {
	struct engine *engine = entry->cache->engine;
	const struct module_key *key = &entry->key;
	struct bytes wasm = text->bytes;
	if (key->gas) {
		return engine_prepare_gas(engine, key->kind, key->metered, wasm, entry->stop, err);
	}
	if (!key->program) {
		return engine_prepare_text(engine, key->kind, key->metered, text, entry->stop, err);
	}
	return program_module(
			program_create(engine, key->kind, key->metered, wasm, entry->stop, err));
}

/* Fetches and compiles; NULL with an error. */
static struct module *load(struct entry *entry, struct module_source *source, struct error *err) {
	CLEANUP(buf_finish) struct buf wasm = { 0 };
	if (!source->fetch(source->context, entry->key.digest, &wasm, err)) {
		source_release(source);
		return NULL;
	}
	struct module_text text = { .bytes = { wasm.data, wasm.size } };
	if (source->lend != NULL && wasm.size == 0) {
		text = source->lend(source->context);
	} else {
		source_release(source);
	}
	begin_compiling(entry, text.bytes.size);
	return compile(entry, &text, err);
}

/* Tells everyone how it went. */
static void settle(struct entry *entry, struct module *module, const struct error *error) {
	struct module_cache *cache = entry->cache;
	pthread_mutex_lock(&cache->lock);
	cache->compiling -= entry->state == ENTRY_COMPILES;
	entry->state = module != NULL ? ENTRY_READY : ENTRY_FAILED;
	entry->module = module;
	if (entry->abandoned) {
		/* nobody is there to be told */
	} else if (module != NULL) {
		cache->newest = entry;
		cache->bytes += module_size(module);
	} else {
		entry->error = *error;
		list_remove(cache, entry);
	}
	struct entry *out = leave(cache, entry);
	pthread_cond_broadcast(&cache->changed);
	unlock_and_free(cache, out);
}

/* The last thing of a loading thread: from here on the cache may be gone. */
static void loader_ends(struct module_cache *cache) {
	pthread_mutex_lock(&cache->lock);
	cache->loading--;
	pthread_cond_broadcast(&cache->changed);
	pthread_mutex_unlock(&cache->lock);
}

static void *loader(void *argument) {
	struct entry *entry = argument;
	struct module_cache *cache = entry->cache;
	struct module_source source = entry->source;
	struct error error = { 0 };
	struct module *module = load(entry, &source, &error);
	settle(entry, module, &error);
	/* Nobody waits for the rest. */
	source_release(&source);
	(void)malloc_trim(0); /* a compilation may leave gigabytes of free heap behind */
	loader_ends(cache);
	return NULL;
}

static int start_loader(struct entry *entry) {
	pthread_t thread;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, LOADER_STACK_BYTES);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	int rc = pthread_create(&thread, &attributes, loader, entry);
	pthread_attr_destroy(&attributes);
	return rc;
}

/* A new entry on its way, which takes the source over. Under the lock. */
static struct entry *entry_start(struct module_cache *cache, const struct module_key *key,
		struct module_source *source, struct error *err) {
	struct entry *entry = MEM_NEW(struct entry);
	entry->cache = cache;
	entry->key = *key;
	entry->source = *source;
	entry->users = 1;
	entry->stop = run_stop_create(cache->engine);
	int rc = start_loader(entry);
	if (rc != 0) {
		run_stop_destroy(entry->stop);
		free(entry);
		error_errno(err, rc, "starting a thread to compile a module");
		return NULL;
	}
	*source = (struct module_source){ 0 };
	cache->loading++;
	list_push(cache, entry);
	return entry;
}

static void wait_change(struct module_cache *cache, const struct entry *entry) {
	if (entry->state != ENTRY_COMPILES || entry->late_ms == UINT64_MAX) {
		pthread_cond_wait(&cache->changed, &cache->lock);
		return;
	}
	struct timespec until = clock_timespec(entry->late_ms);
	pthread_cond_timedwait(&cache->changed, &cache->lock, &until);
}

/* Waits until the entry is ready, and says why not. Under the lock. */
static bool wait_ready(struct module_cache *cache, const struct entry *entry,
		const struct run_stop *stop, struct error *err) {
	while (on_its_way(entry)) {
		if (run_stop_requested(stop)) {
			return error_set(err, ERROR_INTERRUPTED,
					"stopped while the module was prepared");
		}
		if (entry->state == ENTRY_COMPILES && clock_ms() >= entry->late_ms) {
			return error_set(err, ERROR_TIMEOUT,
					"compiling the module takes longer than %llu ms: engine "
					"singlepass compiles "
					"faster",
					(unsigned long long)cache->compile_ms);
		}
		wait_change(cache, entry);
	}
	if (entry->state == ENTRY_FAILED) {
		*err = entry->error;
	}
	return entry->state == ENTRY_READY;
}

static void touch(struct module_cache *cache, struct entry *entry) {
	list_remove(cache, entry);
	list_push(cache, entry);
}

static struct module *acquire(struct module_cache *cache, const struct module_key *key,
		struct module_source *source, const struct run_stop *stop, struct error *err) {
	struct module *module = NULL;
	struct entry *out = NULL;
	pthread_mutex_lock(&cache->lock);
	struct entry *entry = find(cache, key);
	if (entry == NULL) {
		entry = entry_start(cache, key, source, err);
	}
	if (entry != NULL) {
		entry->users++;
		if (wait_ready(cache, entry, stop, err)) {
			touch(cache, entry);
			module = entry->module;
		} else {
			out = leave(cache, entry);
		}
	}
	unlock_and_free(cache, out);
	return module;
}

struct module *module_cache_get(struct module_cache *cache, const struct module_key *key) {
	struct module *module = NULL;
	pthread_mutex_lock(&cache->lock);
	struct entry *entry = find(cache, key);
	if (entry != NULL && entry->state == ENTRY_READY) {
		entry->users++;
		touch(cache, entry);
		module = entry->module;
	}
	pthread_mutex_unlock(&cache->lock);
	return module;
}

static void wake(void *context) {
	struct module_cache *cache = context;
	pthread_mutex_lock(&cache->lock);
	pthread_cond_broadcast(&cache->changed);
	pthread_mutex_unlock(&cache->lock);
}

struct module *module_cache_acquire(struct module_cache *cache, const struct module_key *key,
		const struct module_source *source, struct run_stop *stop, struct error *err) {
	struct module_source mine = *source;
	struct module *module = NULL;
	if (stop_watch(stop, wake, cache)) {
		module = acquire(cache, key, &mine, stop, err);
		stop_unwatch(stop);
	} else {
		error_set(err, ERROR_INTERRUPTED, "stopped before the module was prepared");
	}
	source_release(&mine);
	return module;
}

static void give_back(struct module_cache *cache, const struct module *module, bool unwanted) {
	struct entry *out = NULL;
	pthread_mutex_lock(&cache->lock);
	struct entry *entry = cache->first;
	while (entry != NULL && entry->module != module) {
		entry = entry->next;
	}
	if (entry != NULL) {
		entry->unwanted = entry->unwanted || unwanted;
		out = leave(cache, entry);
	}
	unlock_and_free(cache, out);
}

void module_cache_release(struct module_cache *cache, struct module *module) {
	give_back(cache, module, false);
}

void module_cache_drop(struct module_cache *cache, struct module *module) {
	give_back(cache, module, true);
}

bool module_cache_holds(struct module_cache *cache, const struct module_key *key) {
	pthread_mutex_lock(&cache->lock);
	const struct entry *entry = find(cache, key);
	bool holds = entry != NULL && entry->state == ENTRY_READY;
	pthread_mutex_unlock(&cache->lock);
	return holds;
}

size_t module_cache_bytes(struct module_cache *cache) {
	pthread_mutex_lock(&cache->lock);
	size_t bytes = cache->bytes;
	pthread_mutex_unlock(&cache->lock);
	return bytes;
}
