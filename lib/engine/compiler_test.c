/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling in a child; this test program is its own child. */
#include "engine/compiler.h"

#include "engine/fixture.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory_file.h"
#include "base/clock.h"
#include "base/file.h"
#include "engine/cache.h"
#include "engine/child.h"

#ifdef SANITIZED
enum { FUNCTIONS = 500 };
#else
enum { FUNCTIONS = 1000 };
#endif

static struct engine *make(uint64_t memory, uint64_t cpu) {
	const struct engine_options options = {
		.self = "/proc/self/exe", .compile_memory_bytes = memory, .compile_cpu_seconds = cpu
	};
	struct engine *made = engine_make(&options);
	assert_non_null(made);
	return made;
}

/* More than ENGINE_CHILD_BYTES: `functions` long functions that do sums, between two texts. */
static struct buf large(
		const char *before, unsigned functions, unsigned length, const char *behind) {
	struct buf text = BUF_INIT(256 * 1024 * 1024), wasm = BUF_INIT(256 * 1024 * 1024);
	struct error err;
	assert_true(buf_printf(
			&text, &err, "%s(func (export \"two\") (result i32) i32.const 2)", before));
	for (unsigned i = 0; i < functions; i++) {
		assert_true(buf_printf(&text, &err,
				"(func (param i32) (result i32) (local i32 i32 i64) local.get 0"));
		for (unsigned j = 0; j < length; j++) {
			assert_true(buf_printf(&text, &err,
					" i32.const %u i32.mul local.tee 1 local.get 2 i32.add "
					"local.tee 2",
					i + j));
		}
		assert_true(buf_printf(&text, &err, ")"));
	}
	assert_true(buf_printf(&text, &err, "%s", behind));
	wasm_byte_vec_t bytes = wasm_of(buf_text(&text));
	assert_true(buf_append(&wasm, bytes.data, bytes.size, &err));
	wasm_byte_vec_delete(&bytes);
	buf_finish(&text);
	assert_true(wasm.size > ENGINE_CHILD_BYTES);
	return wasm;
}

static struct buf large_module(unsigned functions, unsigned length) {
	return large("(module ", functions, length, ")");
}

static struct buf large_component(unsigned functions, unsigned length) {
	return large("(component (core module $m ", functions, length,
			") (core instance $i (instantiate $m))"
			" (func (export \"two\") (result u32) (canon lift (core func $i "
			"\"two\"))))");
}

static size_t descriptors(void) {
	size_t count = 0;
	DIR *dir = opendir("/proc/self/fd");
	while (readdir(dir) != NULL) {
		count++;
	}
	(void)closedir(dir);
	return count;
}

/* A process that we started from our own program; a sanitizer may have children of its own. */
static bool is_ours(const char *pid) {
	char path[64], text[256] = "", expected[64];
	(void)snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	FILE *file = fopen(path, "r");
	if (file != NULL) {
		text[fread(text, 1, sizeof(text) - 1, file)] = 0;
		(void)fclose(file);
	}
	const char *name = strstr(text, "(exe)");
	(void)snprintf(expected, sizeof(expected), " %d ", (int)getpid());
	return name != NULL && strncmp(name + 7, expected, strlen(expected)) == 0;
}

static bool has_child(void) {
	bool found = false;
	DIR *dir = opendir("/proc");
	for (const struct dirent *entry; !found && (entry = readdir(dir)) != NULL;) {
		found = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
			is_ours(entry->d_name);
	}
	(void)closedir(dir);
	return found;
}

static void expect_two(struct module *module) {
	struct trial trial = trial_new();
	trial.request.invoke = "two";
	trial_run(&trial, module);
	if (!trial.ok) {
		fail_msg("%s", trial.err.message);
	}
	assert_string_equal(trial.result.values, "2");
	trial_finish(&trial);
}

static void put_into_file(const struct buf *wasm, struct memory_file *file) {
	struct error err;
	assert_true(memory_file_reserve(file, wasm->size + 4096, &err));
	assert_true(memory_file_append(file, (struct bytes){ wasm->data, wasm->size }, &err));
	assert_true(memory_file_seal(file, &err));
}

/* In every kind, and a second time, from a memory file, nothing is left open. */
static void compiled_runs(struct buf wasm) {
	engine = make(0, 0);
	struct memory_file file = { 0 };
	size_t before = 0;
	put_into_file(&wasm, &file);
	for (int i = 0; i < 2 * KINDS; i++) {
		struct error err;
		struct run_stop *stop = run_stop_create(engine);
		const struct module_text text =
				i < KINDS ? (struct module_text){ { wasm.data, wasm.size }, 0 }
					  : (struct module_text){ { file.data, file.size },
						    file.fd };
		struct module *module = engine_prepare_text(
				engine, kinds[i % KINDS], i >= KINDS, &text, stop, &err);
		if (module == NULL) {
			fail_msg("%s", err.message);
		}
		assert_true(module_size(module) > 1000);
		expect_two(module);
		module_destroy(module);
		run_stop_destroy(stop);
		assert_true(i == 0 || descriptors() == before);
		before = descriptors();
	}
	assert_false(has_child());
	memory_file_finish(&file, true);
	buf_finish(&wasm);
	engine_destroy(engine);
}

static void what_is_compiled_runs(void **state) {
	(void)state;
	compiled_runs(large_module(200, 200));
	compiled_runs(large_component(200, 200));
}

/* The same words as from a compilation here. */
static void refused_alike(struct buf wasm) {
	engine = make(0, 0);
	for (int i = 0; i < KINDS; i++) {
		struct error there, here;
		struct run_stop *stop = run_stop_create(engine);
		const struct bytes bytes = { wasm.data, wasm.size };
		assert_null(engine_prepare(engine, kinds[i], false, bytes, stop, &there));
		assert_null(engine_compile(engine, kinds[i], false, bytes, &here));
		assert_string_equal(there.message, here.message);
		assert_int_equal(there.code, here.code);
		assert_int_equal(there.code, ERROR_MODULE);
		run_stop_destroy(stop);
	}
	buf_finish(&wasm);
	engine_destroy(engine);
}

static void refusals_are_the_same(void **state) {
	(void)state;
	struct buf module = large_module(200, 200), component = large_component(200, 200);
	module.data[module.size - 1] = 0x05; /* the last `end` is an `else` */
	component.data[8] = 0x54;            /* the id of its first section */
	refused_alike(module);
	refused_alike(component);
}

static void *stop_soon(void *context) {
	while (!has_child()) {
		(void)poll(NULL, 0, 1);
	}
	run_stop_request(context);
	return NULL;
}

static void a_stop_ends_it(void **state) {
	(void)state;
	engine = make(0, 0);
	struct buf large = large_module(FUNCTIONS, 1000); /* takes many seconds */
	const struct bytes wasm = { large.data, large.size };
	struct run_stop *stop = run_stop_create(engine);
	struct error err;
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, stop_soon, stop), 0);
	assert_null(engine_prepare(engine, ENGINE_MULTIPASS, false, wasm, stop, &err));
	(void)pthread_join(thread, NULL);
	assert_says(&err, ERROR_INTERRUPTED, "stopped");
	assert_false(has_child());
	assert_null(engine_prepare(engine, ENGINE_MULTIPASS, false, wasm, stop,
			&err)); /* stopped before it begins */
	assert_int_equal(err.code, ERROR_INTERRUPTED);
	run_stop_destroy(stop);
	buf_finish(&large);
	engine_destroy(engine);
}

static void limits_hold(void **state) {
	(void)state;
	struct buf wasm = large_module(FUNCTIONS, 1000);
	static const struct {
		uint64_t memory, cpu;
		enum error_code code;
		const char *says;
	} rows[] = { { 200 << 20, 0, ERROR_NO_MEMORY, "more than 209715200 bytes of memory" },
		{ 0, 1, ERROR_TIMEOUT, "more than 1 seconds of CPU time" } };
	for (size_t i = 0; i < 2; i++) {
#ifdef SANITIZED
		if (rows[i].memory != 0) {
			continue; /* a sanitizer needs all addresses: there is no such limit then */
		}
#endif
		struct error err;
		engine = make(rows[i].memory, rows[i].cpu);
		struct run_stop *stop = run_stop_create(engine);
		assert_null(engine_prepare(engine, ENGINE_MULTIPASS, false,
				(struct bytes){ wasm.data, wasm.size }, stop, &err));
		assert_says(&err, rows[i].code, rows[i].says);
		run_stop_destroy(stop);
		engine_destroy(engine);
	}
	buf_finish(&wasm);
}

/* A starts, B joins, A goes: B gets it. Both go: the child is gone, and C gets a new one. */
struct sharing {
	struct module_cache *cache;
	struct buf *wasm;
	struct run_stop *stop;
	struct module *module;
	struct error err;
	pthread_t thread;
};

static bool give(void *context, const char *digest, struct buf *out, struct error *err) {
	const struct buf *wasm = context;
	(void)digest;
	*out = BUF_INIT(wasm->size);
	return buf_append(out, wasm->data, wasm->size, err);
}

static void *share(void *context) {
	struct sharing *sharing = context;
	struct module_key key = { .kind = ENGINE_SINGLEPASS };
	memset(key.digest, 'a', sizeof(key.digest) - 1);
	const struct module_source source = { .fetch = give, .context = sharing->wasm };
	sharing->module = module_cache_acquire(
			sharing->cache, &key, &source, sharing->stop, &sharing->err);
	return NULL;
}

static struct sharing begin_sharing(struct module_cache *cache, struct buf *wasm) {
	return (struct sharing){ .cache = cache, .wasm = wasm, .stop = run_stop_create(engine) };
}

static void end_sharing(struct sharing *sharing) {
	(void)pthread_join(sharing->thread, NULL);
	run_stop_destroy(sharing->stop);
}

static void wait_for_child(bool there) {
	uint64_t deadline = clock_ms() + 60000;
	while (has_child() != there) {
		assert_true(clock_ms() < deadline);
		(void)poll(NULL, 0, 1);
	}
}

static void waiters_share_a_child(void **state) {
	(void)state;
	engine = make(0, 0);
	struct buf wasm = large_module(2000, 500);
	struct module_cache *cache = module_cache_create(engine, 1 << 30, 600000);
	struct sharing a = begin_sharing(cache, &wasm), b = begin_sharing(cache, &wasm),
		       c = begin_sharing(cache, &wasm);
	assert_int_equal(pthread_create(&a.thread, NULL, share, &a), 0);
	wait_for_child(true);
	assert_int_equal(pthread_create(&b.thread, NULL, share, &b), 0);
	run_stop_request(a.stop);
	end_sharing(&a);
	assert_null(a.module);
	assert_int_equal(a.err.code, ERROR_INTERRUPTED);
	end_sharing(&b);
	if (b.module == NULL) {
		/* It came only after A had gone, and began anew: then it has one all the same. */
		fail_msg("%s", b.err.message);
	}
	expect_two(b.module);
	module_cache_release(cache, b.module);
	assert_int_equal(pthread_create(&c.thread, NULL, share, &c), 0);
	end_sharing(&c);
	assert_ptr_equal(c.module, b.module);
	module_cache_release(cache, c.module);
	module_cache_destroy(cache);
	buf_finish(&wasm);
	engine_destroy(engine);
}

static void who_nobody_waits_for_is_ended(void **state) {
	(void)state;
	engine = make(0, 0);
	struct buf wasm = large_module(FUNCTIONS, 1000);
	struct module_cache *cache = module_cache_create(engine, 1 << 30, 600000);
	struct sharing a = begin_sharing(cache, &wasm), b = begin_sharing(cache, &wasm);
	assert_int_equal(pthread_create(&a.thread, NULL, share, &a), 0);
	wait_for_child(true);
	run_stop_request(a.stop);
	end_sharing(&a);
	wait_for_child(false);
	assert_int_equal(pthread_create(&b.thread, NULL, share, &b), 0);
	wait_for_child(true);
	run_stop_request(b.stop);
	end_sharing(&b);
	wait_for_child(false);
	module_cache_destroy(cache);
	buf_finish(&wasm);
	engine_destroy(engine);
}

/* What is not the child's code is not loaded: a digest that does not fit, and none at all. */
static void a_program_that_lies(void **state) {
	(void)state;
	struct error err;
	struct buf wasm = large_module(200, 200);
	static const struct {
		const char *script, *says;
		enum error_code code;
	} rows[] = {
		{ "echo evil >&3; printf 'ok %064d' 0", "not what the compiler made",
				ERROR_INTEGRITY },
		{ "printf 'ok %064d' 0", "sealing the code", ERROR_INTERNAL },
		{ "exit 3", "ended with status", ERROR_INTERNAL },
		{ ":", "said nothing", ERROR_INTERNAL },
		{ "printf 'module it is bad'", "it is bad", ERROR_MODULE },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char path[] = "/tmp/compiler_test.XXXXXX";
		int fd = mkstemp(path);
		(void)dprintf(fd, "#!/bin/sh\n%s\n", rows[i].script);
		(void)fchmod(fd, 0700);
		(void)close(fd);
		const struct engine_options options = { .self = path };
		engine = engine_make(&options);
		struct run_stop *stop = run_stop_create(engine);
		assert_null(engine_prepare(engine, ENGINE_MULTIPASS, false,
				(struct bytes){ wasm.data, wasm.size }, stop, &err));
		(void)unlink(path);
		assert_says(&err, rows[i].code, rows[i].says);
		run_stop_destroy(stop);
		engine_destroy(engine);
	}
	buf_finish(&wasm);
}

int main(int argc, char **argv) {
	if (child_wanted(argc, argv)) {
		return child_main(argc, argv);
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_compiled_runs),
		cmocka_unit_test(refusals_are_the_same),
		cmocka_unit_test(a_stop_ends_it),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(waiters_share_a_child),
		cmocka_unit_test(who_nobody_waits_for_is_ended),
		cmocka_unit_test(a_program_that_lies),
	};
	return cmocka_run_group_tests_name("engine/compiler", tests, NULL, NULL);
}
