/* SPDX-License-Identifier: Apache-2.0 */
/* propeller-executor: only wires the parts; what happens is in the other files of this folder. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/str.h"
#include "base/streams.h"
#include "base/version.h"
#include "engine/child.h"
#include "executor/executor.h"
#include "executor/grpc.h"
#include "executor/leavers.h"
#include "executor/rest.h"
#include "executor/self_test.h"

/* After the pool is empty: for the last bytes of the last answers. */
enum { LAST_BYTES_MS = 2000 };

struct servers {
	struct rpc_server *grpc; /* NULL: not wanted */
	struct http_server *rest;
};

static void block_signals(sigset_t *set) {
	(void)sigemptyset(set);
	(void)sigaddset(set, SIGTERM);
	(void)sigaddset(set, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

static bool open_all(struct executor *executor, struct error *err) {
	const struct executor_settings *settings = executor->settings;
	const struct engine_options options = { .self = "/proc/self/exe",
		.compile_memory_bytes = settings->compile_memory,
		.compile_cpu_seconds = (settings->compile_cpu_ms + 999) / 1000 };
	executor->engine = engine_create(&options, err);
	if (executor->engine == NULL) {
		return false;
	}
	executor->modules = module_cache_create(
			executor->engine, settings->cache_bytes, settings->wall_ms);
	executor->attestation = attestation_open(settings, err);
	if (executor->attestation == NULL) {
		return false;
	}
	executor->leavers = leavers_create(err);
	executor->pool = executor->leavers != NULL ? pool_create(executor, err) : NULL;
	return executor->pool != NULL;
}

static void close_all(struct executor *executor) {
	pool_destroy(executor->pool);
	leavers_destroy(executor->leavers);
	attestation_close(executor->attestation);
	if (executor->modules != NULL) {
		module_cache_destroy(executor->modules);
	}
	if (executor->engine != NULL) {
		engine_destroy(executor->engine);
	}
}

static bool open_servers(struct executor *executor, struct servers *servers, struct error *err) {
	const struct executor_settings *settings = executor->settings;
	if (settings->grpc_on && (servers->grpc = grpc_open(executor, err)) == NULL) {
		return false;
	}
	if (settings->http_on && (servers->rest = rest_open(executor, err)) == NULL) {
		return false;
	}
	return true;
}

static void say_ready(const struct executor *executor, const struct servers *servers) {
	const struct executor_settings *s = executor->settings;
	struct error why;
	log_info("an executor begins grpc=%s:%u http=%s:%u attester=%s workers=%llu version=%s",
			s->grpc_host, servers->grpc != NULL ? rpc_server_port(servers->grpc) : 0u,
			s->http_host, servers->rest != NULL ? http_server_port(servers->rest) : 0u,
			attestation_tee(executor->attestation), (unsigned long long)s->workers,
			AIRSCREW_VERSION);
	if (!attestation_possible(executor->attestation, &why)) {
		log_warn("nothing is executed: %s", why.message);
	} else if (str_equal(attestation_tee(executor->attestation), "sample")) {
		log_warn("the sample attester proves nothing: it is for development");
	}
	notify_ready("executing");
}

/* Nothing new, what is under way is finished or, at the deadline, stopped; all of it is answered.
 */
static void drain(struct executor *executor, struct servers *servers) {
	if (servers->rest != NULL) {
		http_server_quiesce(servers->rest);
	}
	if (servers->grpc != NULL) {
		rpc_server_quiesce(servers->grpc);
	}
	pool_drain(executor->pool, clock_ms() + executor->settings->drain_ms);
	uint64_t deadline = clock_ms() + LAST_BYTES_MS;
	bool rest = servers->rest == NULL || http_server_drained(servers->rest, deadline);
	bool grpc = servers->grpc == NULL || rpc_server_drained(servers->grpc, deadline);
	if (!rest || !grpc) {
		log_info("some clients did not go by themselves");
	}
}

static void close_servers(struct servers *servers) {
	rpc_server_destroy(servers->grpc);
	if (servers->rest != NULL) {
		http_server_destroy(servers->rest);
	}
}

static void *end_at_second_signal(void *signals) {
	int number;
	(void)sigwait(signals, &number);
	_exit(1); /* asked twice */
}

static int serve(struct executor *executor, sigset_t *signals) {
	struct servers servers = { 0 };
	struct error err;
	pthread_t second;
	int number;
	bool ok = open_servers(executor, &servers, &err);
	if (ok) {
		say_ready(executor, &servers);
		(void)sigwait(signals, &number);
		notify_stopping();
		log_info("ending signal=%d", number);
		(void)pthread_create(&second, NULL, end_at_second_signal, signals);
		(void)pthread_detach(second);
		drain(executor, &servers);
	} else {
		log_error("cannot start error=\"%s\"", err.message);
	}
	close_servers(&servers);
	return ok ? 0 : error_exit_code(err.code);
}

static int run(const struct executor_settings *settings, sigset_t *signals) {
	struct executor executor = { .settings = settings };
	struct error err;
	int code;
	if (!open_all(&executor, &err)) {
		log_error("cannot start error=\"%s\"", err.message);
		code = error_exit_code(err.code);
	} else {
		code = settings->self_test ? self_test(&executor) : serve(&executor, signals);
	}
	close_all(&executor);
	return code;
}

int main(int argc, char **argv) {
	struct executor_settings settings = { 0 };
	struct error err;
	sigset_t signals;
	streams_open();
	if (child_wanted(argc, argv)) {
		return child_main(argc, argv);
	}
	block_signals(&signals);
	switch (executor_settings_load(&settings, argc, argv, &err)) {
	case SETTINGS_DONE: return 0;
	case SETTINGS_BAD: (void)fprintf(stderr, "propeller-executor: %s\n", err.message); return 2;
	case SETTINGS_RUN: break;
	}
	int code = run(&settings, &signals);
	executor_settings_finish(&settings);
	log_info("ended");
	return code;
}
