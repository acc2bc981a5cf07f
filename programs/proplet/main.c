/* SPDX-License-Identifier: Apache-2.0 */
/* proplet: only wires the parts; what happens is in the other files of this folder. */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "base/str.h"
#include "base/streams.h"
#include "base/version.h"
#include "engine/child.h"
#include "proplet/keys.h"
#include "proplet/state.h"
#include "proplet/system.h"
#include "proplet/worker.h"
#include "seal/wipe.h"

/* The second one: chunks of modules have 256 KiB, those of images what their proxy is set to. */
enum {
	MESSAGE_MAX = 80 * 1024 * 1024,
	BULK_MESSAGE_MAX = 16 * 1024 * 1024,
	LARGE_BYTES = 256 * 1024
};

static void *wait_for_signal(void *context) {
	struct worker *worker = context;
	struct event *event = MEM_NEW(struct event);
	sigset_t set;
	int number;
	event->kind = EVENT_SIGNAL;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigwait(&set, &number);
	worker_put(worker, event);
	(void)sigwait(&set, &number);
	_exit(1); /* asked twice */
}

static void block_signals(void) {
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

static bool open_engine(struct worker *worker, const char *folder, struct error *err) {
	CLEANUP(strings_finish) struct strings dirs = { 0 };
	if (worker->settings->dirs != NULL) {
		strings_split(&dirs, worker->settings->dirs, ':');
	}
	const struct engine_options options = { .external = worker->settings->external,
		.folder = folder,
		.dirs = &dirs,
		.self = "/proc/self/exe",
		.compile_memory_bytes = worker->settings->compile_memory,
		.compile_cpu_seconds = (worker->settings->compile_cpu_ms + 999) / 1000 };
	worker->engine = engine_create(&options, err);
	if (worker->engine == NULL) {
		return false;
	}
	worker->cache = module_cache_create(worker->engine, worker->settings->cache_bytes,
			worker->settings->compile_ms);
	return true;
}

static bool open_keys(struct worker *worker, struct proplet_settings *settings,
		const struct state *state, struct error *err) {
	worker->folder = state->folder;
	worker->boot_number = state->boot_number;
	if (settings->workload_key != NULL) {
		seal_wipe_begin();
	}
	return keys_open(worker, settings, err);
}

static bool open_bus(struct worker *worker, struct error *err) {
	const struct proplet_settings *settings = worker->settings;
	const struct bus_handlers handlers = { inbox_connected, inbox_disconnected, inbox_message,
		worker };
	CLEANUP(mem_freep) char *will = announce_will(worker);
	CLEANUP(mem_freep) char *second = str_format("%s-bulk", settings->client_id);
	struct bus_options options = {
		.address = settings->mqtt_address,
		.tls = &settings->mqtt_tls,
		.client_id = settings->client_id,
		.username = settings->client_id,
		.password = settings->client_key,
		.keepalive_seconds = (unsigned)(settings->mqtt_keepalive_ms / 1000),
		.qos = (int)settings->mqtt_qos,
		.will_topic = worker->topics.alive,
		.will_payload = will,
		.message_max = MESSAGE_MAX,
	};
	worker->bus = bus_create(&options, &handlers, err);
	if (worker->bus == NULL) {
		return error_wrap(err, "setting PROPLET_MQTT_ADDRESS");
	}
	inbox_subscribe(worker);
	options.client_id = second;
	options.will_topic = options.will_payload = NULL;
	options.message_max = BULK_MESSAGE_MAX;
	const struct registry_limits images = { settings->module_max, settings->pulls,
		settings->pull_ms };
	const struct fetcher_self self = { settings->client_id, worker->boot, worker->boot_number,
		worker->ring };
	worker->fetcher = fetcher_create(&options, &worker->topics, &self, &images, err);
	return worker->fetcher != NULL;
}

static void close_all(struct worker *worker, struct state *state) {
	struct error ignored;
	CLEANUP(mem_freep) char *will = announce_will(worker);
	(void)!bus_publish(worker->bus, worker->topics.alive, will, strlen(will), &ignored);
	bus_destroy(worker->bus, 1000);
	fetcher_close(worker->fetcher);
	queue_close(worker->queue);
	journal_close(worker->journal);
	state_close(state);
	log_info("ended");
}

/* Threads may still fetch or compile: exit() would tear libraries down under them. */
NORETURN static void end(void) {
#ifdef __SANITIZE_ADDRESS__
	__lsan_do_leak_check();
#endif
	_exit(0);
}

int main(int argc, char **argv) {
	struct proplet_settings settings = { 0 };
	struct worker worker = { .settings = &settings };
	struct error err;
	struct state state;
	pthread_t signals;
	streams_open();
	if (child_wanted(argc, argv)) {
		return child_main(argc, argv);
	}
	block_signals();
	switch (proplet_settings_load(&settings, argc, argv, &err)) {
	case SETTINGS_DONE: return 0;
	case SETTINGS_BAD: (void)fprintf(stderr, "proplet: %s\n", err.message); return 2;
	case SETTINGS_RUN: break;
	}
	(void)mallopt(M_ARENA_MAX, 4); /* a thread per task must not mean an arena per task */
	/* Chunks and modules are mappings that go with them: locked pages of an arena stay for
	 * ever. */
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	random_uuid(worker.boot);
	worker.queue = queue_create(0);
	worker.attempts = map_create();
	worker.metadata = system_metadata(&settings);
	if (!state_open(&state, settings.state_dir, settings.client_id, &err) ||
			!open_keys(&worker, &settings, &state, &err) ||
			!topics_init(&worker.topics, settings.domain_id, settings.channel_id,
					&err) ||
			!open_engine(&worker, state.external, &err)) {
		log_error("cannot start error=\"%s\"", err.message);
		exit(error_exit_code(err.code)); /* what main() holds is no leak */
	}
	const struct journal_seal seal = { worker.ring, settings.client_id };
	worker.journal = journal_open(state.results, worker.ring != NULL ? &seal : NULL);
	report_restore(&worker);
	worker.command_topic = topics_command(&worker.topics, settings.client_id);
	if (!open_bus(&worker, &err)) {
		log_error("cannot start error=\"%s\"", err.message);
		exit(error_exit_code(err.code)); /* what main() holds is no leak */
	}
	tls_finish(&settings.mqtt_tls); /* OpenSSL has it */
	log_info("a worker begins proplet=%s boot=%s version=%s", settings.client_id, worker.boot,
			AIRSCREW_VERSION);
	(void)pthread_create(&signals, NULL, wait_for_signal, &worker);
	notify_ready("taking tasks");
	worker_run(&worker);
	close_all(&worker, &state);
	end();
}
