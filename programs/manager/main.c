/* SPDX-License-Identifier: Apache-2.0 */
/* propeller-manager: only wires the parts; what happens is in the other files of this folder. */
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/listen.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "base/str.h"
#include "base/streams.h"
#include "base/version.h"
#include "manager/api.h"
#include "manager/backup.h"
#include "manager/bulk.h"
#include "manager/events.h"
#include "manager/history.h"
#include "manager/inbox.h"
#include "manager/keep.h"
#include "manager/keys.h"
#include "manager/manager.h"
#include "manager/tokens.h"
#include "manager/reseal.h"
#include "seal/wipe.h"

enum { MESSAGE_MAX = 80 * 1024 * 1024, BULK_MESSAGE_MAX = 64 * 1024, LAST_BYTES_MS = 2000 };

static bool open_state(struct manager *m, struct error *err) {
	const struct manager_settings *settings = m->settings;
	CLEANUP(mem_freep) char *folder = str_format("%s/modules", settings->state_dir);
	if (!file_make_state(settings->state_dir, err)) {
		return error_wrap(err, "setting MANAGER_STATE_DIR");
	}
	m->store = store_open(
			str_equal(settings->storage, "memory") ? "memory" : settings->sqlite_path,
			m->ring, err);
	if (m->store == NULL) {
		return false;
	}
	m->modules = modules_open(folder, m->ring, err);
	m->measured[METRICS_PROPLET] = history_create(MANAGER_SAMPLES_MAX);
	m->measured[METRICS_TASK] = history_create(MANAGER_SAMPLES_MAX);
	if (m->modules == NULL || !manager_recover(m, err)) {
		return false;
	}
	keep_begin(m);
	return true;
}

struct sweep {
	struct manager *m;
	unsigned long long locked;
	struct error why; /* of the last one */
};

/* Uploads whose commit never came go; what is used and cannot be opened is counted. */
static void sweep_module(void *context, const char *digest) {
	struct sweep *sweep = context;
	struct error err;
	bool used = true;
	if (store_digest_used(sweep->m->store, digest, &used, &err) && !used) {
		modules_remove(sweep->m->modules, digest);
		return;
	}
	CLEANUP(module_file_closep)
	struct module_file *file = modules_open_file(sweep->m->modules, digest, &err);
	if (file == NULL) {
		sweep->locked++;
		sweep->why = err;
	}
}

static bool sweep_modules(struct manager *m, struct error *err) {
	struct sweep sweep = { .m = m };
	bool ok = modules_each(m->modules, sweep_module, &sweep, err);
	if (sweep.locked != 0) {
		log_error("module files cannot be opened, their tasks will fail count=%llu "
			  "error=\"%s\"",
				sweep.locked, sweep.why.message);
	}
	return ok;
}

static struct bus_options bus_options(
		const struct manager_settings *settings, const char *client_id) {
	return (struct bus_options){
		.address = settings->mqtt_address,
		.tls = &settings->mqtt_tls,
		.client_id = client_id,
		.username = settings->client_id,
		.password = settings->client_key,
		.keepalive_seconds = (unsigned)(settings->mqtt_keepalive_ms / 1000),
		.qos = (int)settings->mqtt_qos,
		.message_max = MESSAGE_MAX,
	};
}

static bool open_bus(struct manager *m, struct error *err) {
	struct bus_options options = bus_options(m->settings, m->settings->client_id);
	const struct bus_handlers handlers = { inbox_connected, inbox_disconnected, inbox_message,
		m };
	m->bus = bus_create(&options, &handlers, err);
	if (m->bus == NULL) {
		return error_wrap(err, "setting MANAGER_MQTT_ADDRESS");
	}
	inbox_subscribe(m);
	return true;
}

static bool open_bulk(struct manager *m, struct error *err) {
	CLEANUP(mem_freep) char *client_id = str_format("%s-bulk", m->settings->client_id);
	struct bus_options options = bus_options(m->settings, client_id);
	options.message_max = BULK_MESSAGE_MAX;
	m->bulk = bulk_create(&options, &m->topics, m->modules, m->ring, err);
	return m->bulk != NULL;
}

static int rank_of(void *context, const char *token) {
	const struct manager *m = context;
	return (int)tokens_role(m->tokens, token);
}

static bool has_tokens(const struct manager_settings *settings) {
	return settings->tokens_file != NULL && settings->tokens_file[0] != 0;
}

/* Without the broker it takes tasks and keeps them, but nothing runs. */
static bool is_ready(void *context, struct error *err) {
	const struct manager *m = context;
	return bus_connected(m->bus) ||
	       error_set(err, ERROR_UNAVAILABLE, "there is no connection to the broker %s",
			       m->settings->mqtt_address);
}

static bool open_tokens(struct manager *m, struct error *err) {
	if (has_tokens(m->settings)) {
		m->tokens = tokens_open(m->settings->tokens_file, err);
		return m->tokens != NULL || error_wrap(err, "setting MANAGER_TOKENS_FILE");
	}
	return true;
}

static int open_port(const struct manager_settings *settings, struct error *err) {
	int listener = listen_tcp(settings->http_host, (uint16_t)settings->http_port, err);
	if (listener < 0) {
		(void)error_wrap(err, "settings MANAGER_HTTP_HOST and MANAGER_HTTP_PORT");
	}
	return listener;
}

static bool open_http(struct manager *m, int listener, struct error *err) {
	struct http_server_options options = {
		.listener = listener,
		.token = m->settings->http_token,
		.tls = &m->settings->http_tls,
		.context = m,
		.program = "propeller-manager",
		.ready = is_ready,
	};
	options.rank_of = m->tokens != NULL ? rank_of : NULL;
	m->events = events_create(m->boot);
	m->backups = backups_create(m);
	options.routes = api_routes(m->settings, &options.route_count);
	m->server = http_server_create(&options, err);
	return m->server != NULL;
}

static void reload_tokens(struct manager *m) {
	struct error err;
	if (tokens_reload(m->tokens, &err)) {
		log_info("tokens read again file=%s", m->settings->tokens_file);
	} else {
		log_error("the tokens stay as they were error=\"%s\"", err.message);
	}
}

/* SIGHUP only where it has something to say: else it ends a program whose terminal is gone. */
static sigset_t signal_set(const struct manager_settings *settings) {
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	if (has_tokens(settings)) {
		(void)sigaddset(&set, SIGHUP);
	}
	return set;
}

/* Signals wait here, in a thread of their own, and become the last deed. */
static void *wait_for_signal(void *context) {
	struct manager *m = context;
	const sigset_t set = signal_set(m->settings);
	int signal;
	while (sigwait(&set, &signal) == 0 && signal == SIGHUP) {
		reload_tokens(m);
	}
	log_info("ending signal=%d", signal);
	notify_stopping();
	http_server_quiesce(m->server);
	manager_stop(m);
	while (sigwait(&set, &signal) == 0 && signal == SIGHUP) {
	}
	_exit(1); /* asked twice */
}

static void block_signals(const struct manager_settings *settings) {
	const sigset_t set = signal_set(settings);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

static bool open_all(struct manager *m, struct error *err) {
	if (!topics_init(&m->topics, m->settings->domain_id, m->settings->channel_id, err)) {
		return error_wrap(err,
				"settings MANAGER_DOMAIN_ID \"%.64s\" and MANAGER_CHANNEL_ID "
				"\"%.64s\"",
				m->settings->domain_id, m->settings->channel_id);
	}
	/* Before the broker: there a manager that cannot serve would throw off the one that does.
	 */
	if (!open_state(m, err) || !sweep_modules(m, err) || !open_tokens(m, err)) {
		return false;
	}
	int listener = open_port(m->settings, err);
	return listener >= 0 && open_bus(m, err) && open_bulk(m, err) &&
	       open_http(m, listener, err);
}

static void close_all(struct manager *m) {
	events_close(m->events);
	backups_close(m->backups);
	if (!http_server_drained(m->server, clock_ms() + LAST_BYTES_MS)) {
		log_info("some clients did not take their answers");
	}
	http_server_destroy(m->server);
	bulk_destroy(m->bulk);
	bus_destroy(m->bus, 1000);
	reseal_end(m);
	events_destroy(m->events);
	backups_destroy(m->backups);
	tokens_close(m->tokens);
	keep_end(m);
	manager_forget(m);
	store_close(m->store);
	modules_close(m->modules);
	topics_finish(&m->topics);
	history_destroy(m->measured[METRICS_PROPLET]);
	history_destroy(m->measured[METRICS_TASK]);
	seal_ring_destroy(m->ring);
}

int main(int argc, char **argv) {
	struct manager_settings settings = { 0 };
	struct manager m = { .settings = &settings, .next_wait_ms = UINT64_MAX };
	struct error err;
	pthread_t signals;
	streams_open();
	switch (manager_settings_load(&settings, argc, argv, &err)) {
	case SETTINGS_DONE: return 0;
	case SETTINGS_BAD: (void)fprintf(stderr, "propeller-manager: %s\n", err.message); return 2;
	case SETTINGS_RUN: break;
	}
	block_signals(&settings);
	(void)mallopt(M_ARENA_MAX, 2); /* a handful of threads: more arenas only cost memory */
	if (settings.workload_key != NULL) {
		seal_wipe_begin();
	}
	random_uuid(m.boot);
	m.outbox_end = &m.outbox;
	m.queue = queue_create(settings.queue_max);
	if (!keys_open(&m, &settings, &err) || !open_all(&m, &err)) {
		log_error("cannot start error=\"%s\" origin=%s", err.message, err.origin);
		exit(error_exit_code(err.code)); /* as below */
	}
	tls_finish(&settings.mqtt_tls); /* OpenSSL has it */
	log_info("listening address=%s://%s:%u version=%s",
			settings.http_tls.cert != NULL ? "https" : "http", settings.http_host,
			(unsigned)http_server_port(m.server), AIRSCREW_VERSION);
	reseal_begin(&m);
	(void)pthread_create(&signals, NULL, wait_for_signal, &m);
	watchdog_init(&m.watchdog);
	notify_ready("serving");
	manager_run(&m);
	close_all(&m);
	log_info("ended");
	exit(0); /* not a return: what main() holds stays reachable for whoever looks for leaks */
}
