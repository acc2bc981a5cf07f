/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt, in a thread of its own: the module, the run, the outcome. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "proplet/outcome.h"
#include "proplet/source.h"
#include "proplet/worker.h"

enum { STACK_BYTES = ENGINE_STACK_BYTES + 256 * 1024 };

static bool choose_engine(
		const struct attempt *attempt, struct module_key *key, struct error *err) {
	const struct workload *work = &attempt->command.work;
	/* As Propeller's workers: where there is an external runtime, it runs what names no other.
	 */
	key->kind = engine_offers(attempt->worker->engine, ENGINE_EXTERNAL) ? ENGINE_EXTERNAL
									    : ENGINE_MULTIPASS;
	key->metered = work->limits.fuel != 0;
	key->gas = work->limits.gas != 0;
	if (attempt->worker->ring != NULL && work->engine == NULL) {
		key->kind = ENGINE_MULTIPASS; /* an external one would have the module on disk */
	}
	if (work->engine != NULL && !engine_kind_parse(work->engine, &key->kind)) {
		return error_set(err, ERROR_INVALID, "field \"engine\": \"%.40s\" is unknown here",
				work->engine);
	}
	if (attempt->worker->ring != NULL && key->kind == ENGINE_EXTERNAL) {
		return error_set(err, ERROR_UNSUPPORTED,
				"engine external: with a workload key modules do not run there, "
				"since "
				"it reads them from disk");
	}
	return engine_offers(attempt->worker->engine, key->kind) ||
	       error_set(err, ERROR_UNSUPPORTED, "engine %s is not offered by this worker%s",
			       engine_kind_name(key->kind),
			       key->kind == ENGINE_EXTERNAL
					       ? ": it has no PROPLET_EXTERNAL_WASM_RUNTIME"
					       : "");
}

static struct module *acquire(struct attempt *attempt, struct error *err) {
	struct module_key key = { 0 };
	struct module_source from;
	if (!choose_engine(attempt, &key, err) || !source_open(attempt, key.digest, &from, err)) {
		return NULL;
	}
	return module_cache_acquire(attempt->worker->cache, &key, &from, attempt->stop, err);
}

/* Tells the loop only if it has waited for this already (see announce.c). */
static void on_started(void *context) {
	struct attempt *attempt = context;
	int fresh = RUN_FRESH;
	atomic_store(&attempt->started_at, clock_wall_ns());
	if (!atomic_compare_exchange_strong(&attempt->phase, &fresh, RUN_STARTED)) {
		worker_put(attempt->worker, &attempt->started);
	}
}

/* Propeller's way to name the export: "--invoke F" among the arguments. */
static void take_invoke(struct workload *work, struct strings *args) {
	for (size_t i = 0; i < work->cli_args.count; i++) {
		const char *arg = work->cli_args.items[i];
		const char *name = NULL;
		if (str_equal(arg, "--invoke") && i + 1 < work->cli_args.count) {
			name = work->cli_args.items[++i];
		} else if (str_starts(arg, "--invoke=")) {
			name = arg + strlen("--invoke=");
		}
		if (name == NULL) {
			strings_add(args, arg);
		} else if (work->invoke == NULL) {
			work->invoke = str_copy(name);
		}
	}
}

static size_t list_dirs(const struct mounts *mounts, struct run_dir dirs[RUN_DIRS_MAX]) {
	static_assert((int)MOUNTS_MAX <= (int)RUN_DIRS_MAX,
			"a task asks for no more than a run takes");
	for (size_t i = 0; i < mounts->count; i++) {
		const struct mount *mount = &mounts->items[i];
		dirs[i] = (struct run_dir){ mount->host, mount->guest, mount->write };
	}
	return mounts->count;
}

static bool run(struct attempt *attempt, struct module *module, struct run_result *result,
		struct error *err) {
	struct workload *work = &attempt->command.work;
	struct strings args = { 0 }, env = { 0 };
	take_invoke(work, &args);
	strings_copy(&env, &work->env);
	CLEANUP(mem_freep)
	char *id = str_format("PROPLET_ID=%s", attempt->worker->settings->client_id);
	strings_add(&env, id);
	struct run_dir dirs[RUN_DIRS_MAX];
	const struct run_request request = {
		.name = work->name,
		.invoke = work->invoke,
		.args = &args,
		.inputs = &work->inputs,
		.env = &env,
		.dirs = dirs,
		.dir_count = list_dirs(&work->dirs, dirs),
		.input = { (const uint8_t *)work->input,
				work->input != NULL ? strlen(work->input) : 0 },
		.limits = { work->limits.memory_bytes, work->limits.wall_ms, work->limits.fuel,
				work->limits.output_bytes, work->limits.gas },
		.gauge = attempt->gauge,
		.started = on_started,
		.context = attempt,
	};
	bool ok = module_run(module, &request, attempt->stop, result, err);
	strings_finish(&args);
	strings_finish(&env);
	return ok;
}

/* Of a sealed module nothing stays that its task does not need. */
static void give_back(struct worker *worker, struct module *module) {
	if (worker->ring != NULL && !worker->settings->cache_decrypted) {
		module_cache_drop(worker->cache, module);
	} else {
		module_cache_release(worker->cache, module);
	}
}

static void *thread(void *context) {
	struct attempt *attempt = context;
	struct worker *worker = attempt->worker;
	struct outcome *outcome = &attempt->report.outcome;
	struct run_result result = { 0 };
	struct error err;
	struct module *module = acquire(attempt, &err);
	if (module != NULL && run(attempt, module, &result, &err)) {
		outcome_ended(outcome, &result);
	} else {
		outcome_failed(outcome, &result, &err);
	}
	outcome->started_at = atomic_load(&attempt->started_at);
	outcome->finished_at = clock_wall_ns();
	if (module != NULL) {
		give_back(worker, module);
	}
	run_result_finish(&result);
	worker_put(worker, &attempt->ended);
	return NULL;
}

bool run_begin(struct attempt *attempt) {
	pthread_attr_t attributes;
	pthread_t id;
	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	int code = pthread_create(&id, &attributes, thread, attempt);
	(void)pthread_attr_destroy(&attributes);
	return code == 0;
}
