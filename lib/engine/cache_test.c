/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/cache.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "engine/fixture.h"

#include "base/clock.h"

/* A compilation does not come to its end before this is false (--wrap, see meson.build). */
static atomic_bool compiles_long;

struct module *__real_engine_prepare_text(struct engine *prepares, enum engine_kind kind,
		bool metered, const struct module_text *text, struct run_stop *stop,
		struct error *err);
struct module *__wrap_engine_prepare_text(struct engine *prepares, enum engine_kind kind,
		bool metered, const struct module_text *text, struct run_stop *stop,
		struct error *err);
struct module *__wrap_engine_prepare_text(struct engine *prepares, enum engine_kind kind,
		bool metered, const struct module_text *text, struct run_stop *stop,
		struct error *err) {
	while (atomic_load(&compiles_long)) {
		(void)poll(NULL, 0, 1);
	}
	return __real_engine_prepare_text(prepares, kind, metered, text, stop, err);
}

/* Where the modules of a test come from: each is a text, and each fetch is counted. */
struct origin {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	const char *text; /* NULL: fetching fails */
	bool held;        /* fetches wait until this is false */
	int fetching;     /* how many wait so */
	int fetches, releases;
};

static void origin_init(struct origin *origin, const char *text) {
	*origin = (struct origin){
		.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .text = text
	};
}

static void origin_hold(struct origin *origin, bool held) {
	pthread_mutex_lock(&origin->lock);
	origin->held = held;
	pthread_cond_broadcast(&origin->changed);
	pthread_mutex_unlock(&origin->lock);
}

static void origin_fetching(struct origin *origin) {
	pthread_mutex_lock(&origin->lock);
	while (origin->fetching == 0) {
		pthread_cond_wait(&origin->changed, &origin->lock);
	}
	pthread_mutex_unlock(&origin->lock);
}

static bool fetch(void *context, const char *digest, struct buf *wasm, struct error *err) {
	struct origin *origin = context;
	pthread_mutex_lock(&origin->lock);
	origin->fetches++;
	origin->fetching++;
	pthread_cond_broadcast(&origin->changed);
	while (origin->held) {
		pthread_cond_wait(&origin->changed, &origin->lock);
	}
	origin->fetching--;
	const char *text = origin->text;
	pthread_mutex_unlock(&origin->lock);
	if (text == NULL) {
		return error_set(err, ERROR_NOT_FOUND, "no module %.8s", digest);
	}
	wasm->limit = 64 << 20;
	wasm_byte_vec_t bytes = wasm_of(text);
	bool ok = buf_append(wasm, bytes.data, bytes.size, err);
	wasm_byte_vec_delete(&bytes);
	return ok;
}

static void release(void *context) {
	struct origin *origin = context;
	pthread_mutex_lock(&origin->lock);
	origin->releases++;
	pthread_mutex_unlock(&origin->lock);
}

static const char small[] = "(module (func (export \"run\") (result i32) (i32.const 42)))";

static struct module_key key_of(char c) {
	struct module_key key = { .kind = ENGINE_MULTIPASS };
	memset(key.digest, c, DIGEST_HEX_SIZE - 1);
	return key;
}

/* One start that wants a module, perhaps in a thread. */
struct taker {
	struct module_cache *cache;
	struct origin *origin;
	struct module_key key;
	struct run_stop *stop;
	struct module *module;
	struct error err;
};

static struct taker taker_of(struct module_cache *cache, struct origin *origin, char c) {
	return (struct taker){
		.cache = cache, .origin = origin, .key = key_of(c), .stop = run_stop_create(engine)
	};
}

static void *take(void *argument) {
	struct taker *taker = argument;
	struct module_source source = {
		.fetch = fetch, .release = release, .context = taker->origin
	};
	taker->module = module_cache_acquire(
			taker->cache, &taker->key, &source, taker->stop, &taker->err);
	return NULL;
}

static void taker_finish(struct taker *taker) {
	if (taker->module != NULL) {
		module_cache_release(taker->cache, taker->module);
	}
	run_stop_destroy(taker->stop);
}

/* Takes and gives back; the size of the module. */
static size_t touch(struct module_cache *cache, struct origin *origin, char c) {
	struct taker taker = taker_of(cache, origin, c);
	take(&taker);
	assert_non_null(taker.module);
	size_t size = module_size(taker.module);
	taker_finish(&taker);
	return size;
}

static bool holds(struct module_cache *cache, char c) {
	struct module_key key = key_of(c);
	return module_cache_holds(cache, &key);
}

/* What is lent stays until it is compiled, and is given back once. */
struct lender {
	wasm_byte_vec_t bytes;
	unsigned lent, released;
};

static bool fetch_nothing(void *context, const char *digest, struct buf *wasm, struct error *err) {
	(void)context, (void)digest, (void)wasm, (void)err;
	return true;
}

static struct module_text lend(void *context) {
	struct lender *lender = context;
	assert_int_equal(lender->released, 0);
	lender->lent++;
	return (struct module_text){ .bytes = { (const uint8_t *)lender->bytes.data,
						     lender->bytes.size } };
}

static void take_back(void *context) {
	struct lender *lender = context;
	lender->released++;
	memset(lender->bytes.data, 0, lender->bytes.size);
}

static void bytes_that_are_lent(void **state) {
	(void)state;
	struct lender lender = { .bytes = wasm_of(small) };
	const struct module_source source = {
		.fetch = fetch_nothing, .release = take_back, .context = &lender, .lend = lend
	};
	struct module_cache *cache = module_cache_create(engine, 1 << 20, 60000);
	struct run_stop *stop = run_stop_create(engine);
	struct module_key key = key_of('a');
	struct error err;
	struct module *module = module_cache_acquire(cache, &key, &source, stop, &err);
	assert_non_null(module);
	module_cache_release(cache, module);
	module_cache_destroy(cache); /* waits for its thread */
	assert_int_equal(lender.lent, 1);
	assert_int_equal(lender.released, 1);
	run_stop_destroy(stop);
	wasm_byte_vec_delete(&lender.bytes);
}

static void a_module_is_compiled_once(void **state) {
	(void)state;
	struct origin origin;
	origin_init(&origin, small);
	struct module_cache *cache = module_cache_create(engine, 1 << 20, 60000);
	assert_false(holds(cache, 'a'));
	size_t size = touch(cache, &origin, 'a');
	assert_true(holds(cache, 'a'));
	assert_int_equal(module_cache_bytes(cache), size);
	(void)touch(cache, &origin, 'a');
	assert_int_equal(origin.fetches, 1);
	assert_int_equal(origin.releases, 2);
	/* another kind or metering is another module */
	struct taker taker = taker_of(cache, &origin, 'a');
	taker.key.metered = true;
	take(&taker);
	assert_non_null(taker.module);
	assert_int_equal(origin.fetches, 2);
	struct run_request request = { .limits = { .memory_bytes = 1 << 20 } };
	struct run_result result;
	trap_signals();
	assert_true(module_run(taker.module, &request, taker.stop, &result, &taker.err));
	assert_string_equal(result.values, "42");
	run_result_finish(&result);
	taker_finish(&taker);
	module_cache_destroy(cache);
	assert_int_equal(origin.releases, 3);
}

enum { CROWD = 16 };

static void many_starts_at_once_compile_once(void **state) {
	(void)state;
	struct origin origin;
	origin_init(&origin, small);
	origin_hold(&origin, true);
	struct module_cache *cache = module_cache_create(engine, 1 << 20, 60000);
	struct taker takers[CROWD];
	pthread_t threads[CROWD];
	for (int i = 0; i < CROWD; i++) {
		takers[i] = taker_of(cache, &origin, 'a');
		assert_int_equal(pthread_create(&threads[i], NULL, take, &takers[i]), 0);
	}
	origin_fetching(&origin);
	origin_hold(&origin, false);
	for (int i = 0; i < CROWD; i++) {
		pthread_join(threads[i], NULL);
		assert_non_null(takers[i].module);
		assert_ptr_equal(takers[i].module, takers[0].module);
	}
	assert_int_equal(origin.fetches, 1);
	for (int i = 0; i < CROWD; i++) {
		taker_finish(&takers[i]);
	}
	module_cache_destroy(cache);
	assert_int_equal(origin.releases, CROWD);
}

static void a_failure_is_told_to_all_and_forgotten(void **state) {
	(void)state;
	struct origin origin;
	origin_init(&origin, NULL);
	origin_hold(&origin, true);
	struct module_cache *cache = module_cache_create(engine, 1 << 20, 60000);
	struct taker takers[4];
	pthread_t threads[4];
	for (int i = 0; i < 4; i++) {
		takers[i] = taker_of(cache, &origin, 'a');
		assert_int_equal(pthread_create(&threads[i], NULL, take, &takers[i]), 0);
	}
	origin_fetching(&origin);
	origin_hold(&origin, false);
	int told = 0;
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_null(takers[i].module);
		assert_int_equal(takers[i].err.code, ERROR_NOT_FOUND);
		told += strcmp(takers[i].err.message, "no module aaaaaaaa") == 0;
		taker_finish(&takers[i]);
	}
	assert_int_equal(told, 4);
	assert_false(holds(cache, 'a'));
	assert_int_equal(module_cache_bytes(cache), 0);
	origin.text = small;
	(void)touch(cache, &origin, 'a');
	assert_true(holds(cache, 'a'));
	/* a module that is not valid */
	struct taker taker = taker_of(cache, &origin, 'b');
	origin.text = "(module (tag) (func (export \"run\")))";
	taker.key.kind = ENGINE_SINGLEPASS;
	take(&taker);
	assert_null(taker.module);
	assert_says(&taker.err, ERROR_MODULE, "engine singlepass does not have exceptions");
	taker_finish(&taker);
	module_cache_destroy(cache);
}

static void the_least_recently_used_goes(void **state) {
	(void)state;
	struct origin origin;
	origin_init(&origin, small);
	struct module_cache *cache = module_cache_create(engine, 1 << 20, 60000);
	size_t size = touch(cache, &origin, 'a');
	module_cache_destroy(cache);
	cache = module_cache_create(engine, 3 * size, 60000);
	(void)touch(cache, &origin, 'a');
	(void)touch(cache, &origin, 'b');
	(void)touch(cache, &origin, 'c');
	(void)touch(cache, &origin, 'a');
	assert_int_equal(module_cache_bytes(cache), 3 * size);
	(void)touch(cache, &origin, 'd');
	assert_true(holds(cache, 'a') && holds(cache, 'c') && holds(cache, 'd'));
	assert_false(holds(cache, 'b'));
	(void)touch(cache, &origin, 'e');
	assert_true(holds(cache, 'a') && holds(cache, 'd') && holds(cache, 'e'));
	assert_int_equal(module_cache_bytes(cache), 3 * size);
	module_cache_destroy(cache);
}

static void the_newest_stays_and_what_is_used_too(void **state) {
	(void)state;
	struct origin origin;
	origin_init(&origin, small);
	struct module_cache *cache = module_cache_create(engine, 1, 60000);
	size_t size = touch(cache, &origin, 'a');
	assert_true(holds(cache, 'a'));
	struct taker user = taker_of(cache, &origin, 'b');
	take(&user);
	assert_false(holds(cache, 'a'));
	(void)touch(cache, &origin, 'c');
	assert_true(holds(cache, 'b') && holds(cache, 'c'));
	assert_int_equal(module_cache_bytes(cache), 2 * size);
	taker_finish(&user);
	assert_false(holds(cache, 'b'));
	assert_true(holds(cache, 'c'));
	assert_int_equal(module_cache_bytes(cache), size);
	module_cache_destroy(cache);
}

/* One waiter gives up; the other, and the compilation, go on. */
static void a_stop_ends_the_waiting_of_one(void **state) {
	(void)state;
	struct origin origin;
	origin_init(&origin, small);
	origin_hold(&origin, true);
	struct module_cache *cache = module_cache_create(engine, 1 << 20, 60000);
	struct taker first = taker_of(cache, &origin, 'a'), second = taker_of(cache, &origin, 'a');
	pthread_t threads[2];
	assert_int_equal(pthread_create(&threads[0], NULL, take, &first), 0);
	origin_fetching(&origin);
	assert_int_equal(pthread_create(&threads[1], NULL, take, &second), 0);
	run_stop_request(first.stop);
	pthread_join(threads[0], NULL); /* while the module is still held back */
	assert_null(first.module);
	assert_says(&first.err, ERROR_INTERRUPTED, "stopped while the module was prepared");
	origin_hold(&origin, false);
	pthread_join(threads[1], NULL);
	assert_non_null(second.module);
	assert_int_equal(origin.fetches, 1);
	taker_finish(&first);
	taker_finish(&second);
	struct taker late = taker_of(cache, &origin, 'z');
	run_stop_request(late.stop);
	take(&late);
	assert_says(&late.err, ERROR_INTERRUPTED, "stopped before the module was prepared");
	taker_finish(&late);
	module_cache_destroy(cache);
	assert_int_equal(origin.releases, 3);
}

/* A module that takes a while: its functions are many. */
static char *large_text(void) {
	struct buf text = BUF_INIT(8 << 20);
	struct error err;
	size_t size;
	assert_true(buf_printf(&text, &err, "(module "));
	for (int i = 0; i < 3000; i++) {
		assert_true(buf_printf(&text, &err,
				"(func (param i64 i64) (result i64) (i64.xor (i64.mul (local.get "
				"0) (i64.const %d))"
				" (i64.div_u (local.get 1) (i64.rotl (local.get 0) (local.get "
				"1)))))",
				i));
	}
	assert_true(buf_printf(&text, &err, "(func (export \"run\")))"));
	return (char *)buf_take(&text, &size);
}

static void what_compiles_too_long_lands_in_the_cache(void **state) {
	(void)state;
	CLEANUP(mem_freep) char *text = large_text();
	struct origin origin;
	origin_init(&origin, text);
	struct module_cache *cache = module_cache_create(engine, 64 << 20, 1);
	struct taker taker = taker_of(cache, &origin, 'a');
	atomic_store(&compiles_long, true);
	take(&taker);
	atomic_store(&compiles_long, false);
	assert_null(taker.module);
	assert_says(&taker.err, ERROR_TIMEOUT, "compiling the module takes longer than 1 ms");
	taker_finish(&taker);
	uint64_t deadline = clock_ms() + 60000;
	while (!holds(cache, 'a') && clock_ms() < deadline) {
		sched_yield();
	}
	assert_true(holds(cache, 'a'));
	assert_true(touch(cache, &origin, 'a') > 100000);
	assert_int_equal(origin.fetches, 1);
	module_cache_destroy(cache);
}

/* Nobody is left to take what still compiles: destroying waits for it. */
static void destroying_waits_for_what_compiles(void **state) {
	(void)state;
	CLEANUP(mem_freep) char *text = large_text();
	struct origin origin;
	origin_init(&origin, text);
	struct module_cache *cache = module_cache_create(engine, 1, 1);
	for (char c = 'a'; c < 'd'; c++) {
		struct taker taker = taker_of(cache, &origin, c);
		take(&taker);
		taker_finish(&taker);
	}
	module_cache_destroy(cache);
	module_cache_destroy(NULL);
	assert_int_equal(origin.releases, 3);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_module_is_compiled_once),
		cmocka_unit_test(bytes_that_are_lent),
		cmocka_unit_test(many_starts_at_once_compile_once),
		cmocka_unit_test(a_failure_is_told_to_all_and_forgotten),
		cmocka_unit_test(the_least_recently_used_goes),
		cmocka_unit_test(the_newest_stays_and_what_is_used_too),
		cmocka_unit_test(a_stop_ends_the_waiting_of_one),
		cmocka_unit_test(what_compiles_too_long_lands_in_the_cache),
		cmocka_unit_test(destroying_waits_for_what_compiles),
	};
	return cmocka_run_group_tests(tests, engine_setup, engine_teardown);
}
