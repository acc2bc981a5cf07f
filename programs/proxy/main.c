/* SPDX-License-Identifier: Apache-2.0 */
/* propeller-proxy: only wires the parts; what happens is in the other files of this folder. */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "base/streams.h"
#include "base/version.h"
#include "http/server.h"
#include "proxy/proxy.h"
#include "seal/wipe.h"

enum { LARGE_BYTES = 64 * 1024, REQUEST_MAX = 64 * 1024, PULLS_MAX = 64, LAST_WORDS_MS = 2000 };

static void block_signals(sigset_t *set) {
	(void)sigemptyset(set);
	(void)sigaddset(set, SIGTERM);
	(void)sigaddset(set, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

static bool open_cache(struct proxy *proxy, struct error *err) {
	const struct proxy_settings *settings = proxy->settings;
	CLEANUP(mem_freep)
	char *base = settings->state_dir != NULL ? str_copy(settings->state_dir)
						 : file_state_folder();
	if (base == NULL) {
		return error_set(err, ERROR_INVALID,
				"setting PROXY_STATE_DIR is missing, and neither $STATE_DIRECTORY "
				"nor $HOME says where files may lie");
	}
	CLEANUP(mem_freep) char *folder = str_format("%s/proxy-%s", base, settings->client_id);
	proxy->cache = cache_open(folder, settings->cache_bytes, proxy->ring, err);
	return proxy->cache != NULL || error_wrap(err, "setting PROXY_STATE_DIR");
}

static bool open_bus(struct proxy *proxy, struct error *err) {
	const struct proxy_settings *settings = proxy->settings;
	const struct bus_handlers handlers = { request_connected, request_disconnected,
		request_message, proxy };
	const struct bus_options options = { .address = settings->mqtt_address,
		.tls = &settings->mqtt_tls,
		.client_id = settings->client_id,
		.username = settings->client_id,
		.password = settings->client_key,
		.keepalive_seconds = (unsigned)(settings->mqtt_keepalive_ms / 1000),
		.qos = (int)settings->mqtt_qos,
		.message_max = REQUEST_MAX };
	if (!topics_init(&proxy->topics, settings->domain_id, settings->channel_id, err)) {
		return false;
	}
	/* A request needs proxy->bus: it comes no sooner than the subscription. */
	proxy->bus = bus_create(&options, &handlers, err);
	if (proxy->bus == NULL) {
		return error_wrap(err, "setting PROXY_MQTT_ADDRESS");
	}
	bus_subscribe(proxy->bus, proxy->topics.image_request);
	return true;
}

static void init(struct proxy *proxy, const struct proxy_settings *settings) {
	pthread_condattr_t monotonic;
	proxy->settings = settings;
	proxy->jobs = map_create();
	proxy->pulling = map_create();
	(void)pthread_mutex_init(&proxy->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&proxy->changed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
}

static void finish(struct proxy *proxy) {
	bus_destroy(proxy->bus, LAST_WORDS_MS);
	cache_close(proxy->cache);
	topics_finish(&proxy->topics);
	map_destroy(proxy->jobs);
	map_destroy(proxy->pulling);
	seal_ring_destroy(proxy->ring);
	(void)pthread_cond_destroy(&proxy->changed);
	(void)pthread_mutex_destroy(&proxy->lock);
}

static void run(struct proxy *proxy, const sigset_t *signals) {
	pthread_t threads[PULLS_MAX];
	uint64_t count = proxy->settings->pulls;
	int number;
	for (uint64_t i = 0; i < count; i++) {
		(void)pthread_create(&threads[i], NULL, pull_run, proxy);
	}
	notify_ready("pulling images");
	(void)sigwait(signals, &number);
	notify_stopping();
	log_info("ending signal=%d", number);
	pull_close(proxy);
	for (uint64_t i = 0; i < count; i++) {
		(void)pthread_join(threads[i], NULL);
	}
}

static int serve(struct proxy_settings *settings, const sigset_t *signals) {
	struct proxy proxy = { 0 };
	struct error err;
	struct http_server *server = NULL;
	init(&proxy, settings);
	/* The port before the broker: there a proxy that cannot serve would throw off the one that
	 * does. */
	int listener = -1;
	bool ok = keys_open(&proxy, settings, &err) && open_cache(&proxy, &err) &&
		  (listener = health_listen(settings, &err)) >= 0 && open_bus(&proxy, &err);
	tls_finish(&settings->mqtt_tls); /* OpenSSL has it */
	if (ok) {
		server = health_open(&proxy, listener, &err);
	}
	if (server != NULL) {
		log_info("a proxy begins client=%s http=%s:%u version=%s", settings->client_id,
				settings->http_host, http_server_port(server), AIRSCREW_VERSION);
		run(&proxy, signals);
		http_server_destroy(server);
	} else {
		log_error("cannot start error=\"%s\"", err.message);
	}
	finish(&proxy);
	log_info("ended");
	return server != NULL ? 0 : error_exit_code(err.code);
}

int main(int argc, char **argv) {
	struct proxy_settings settings = { 0 };
	struct error err;
	sigset_t signals;
	streams_open();
	block_signals(&signals);
	switch (proxy_settings_load(&settings, argc, argv, &err)) {
	case SETTINGS_DONE: return 0;
	case SETTINGS_BAD: (void)fprintf(stderr, "propeller-proxy: %s\n", err.message); return 2;
	case SETTINGS_RUN: break;
	}
	if (settings.workload_key != NULL) {
		seal_wipe_begin();
	}
	/* A few large buffers: each is a mapping that goes with it. In an arena they would leave
	   holes, and locked pages of an arena are never given back. */
	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	int code = serve(&settings, &signals);
	proxy_settings_finish(&settings);
	return code;
}
