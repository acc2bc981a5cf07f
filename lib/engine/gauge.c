/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/gauge.h"

#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/inside.h"

struct run_gauge {
	pthread_mutex_t lock;
	bool running;
	clockid_t clock; /* CPU time of the run's thread */
	uint64_t cpu_ns, began_ms;
	struct run_usage told;
	pid_t process; /* 0: none now */
	bool external, supervisor;
};

struct run_gauge *run_gauge_create(void) {
	struct run_gauge *gauge = MEM_NEW(struct run_gauge);
	pthread_mutex_init(&gauge->lock, NULL);
	return gauge;
}

void run_gauge_destroy(struct run_gauge *gauge) {
	if (gauge != NULL) {
		pthread_mutex_destroy(&gauge->lock);
		free(gauge);
	}
}

static uint64_t read_clock(clockid_t clock) {
	struct timespec time = { 0 };
	(void)clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

void gauge_begin(struct run_gauge *gauge) {
	if (gauge == NULL) {
		return;
	}
	pthread_mutex_lock(&gauge->lock);
	gauge->running = pthread_getcpuclockid(pthread_self(), &gauge->clock) == 0;
	gauge->cpu_ns = read_clock(gauge->clock);
	gauge->began_ms = clock_ms();
	gauge->told = (struct run_usage){ .threads = 1 };
	pthread_mutex_unlock(&gauge->lock);
}

void gauge_end(struct run_gauge *gauge) {
	if (gauge == NULL) {
		return;
	}
	pthread_mutex_lock(&gauge->lock);
	gauge->running = false;
	pthread_mutex_unlock(&gauge->lock);
}

void gauge_tell(struct run_gauge *gauge, const struct run_usage *usage) {
	if (gauge == NULL) {
		return;
	}
	pthread_mutex_lock(&gauge->lock);
	gauge->told = *usage;
	gauge->told.threads = 1;
	pthread_mutex_unlock(&gauge->lock);
}

void gauge_process(struct run_gauge *gauge, pid_t pid, bool supervisor) {
	if (gauge == NULL) {
		return;
	}
	pthread_mutex_lock(&gauge->lock);
	gauge->process = pid;
	gauge->supervisor = supervisor;
	gauge->external = true;
	pthread_mutex_unlock(&gauge->lock);
}

/* Under the lock. */
static void look(const struct run_gauge *gauge, struct run_usage *usage) {
	*usage = gauge->told;
	if (gauge->external) {
		usage_of_processes(gauge->process, gauge->supervisor, usage);
	} else {
		usage->cpu_ns = read_clock(gauge->clock) - gauge->cpu_ns;
	}
	usage->uptime_ms = clock_ms() - gauge->began_ms;
}

bool run_gauge_read(struct run_gauge *gauge, struct run_usage *usage) {
	pthread_mutex_lock(&gauge->lock);
	bool running = gauge->running && (!gauge->external || gauge->process != 0);
	if (running) {
		look(gauge, usage);
	}
	pthread_mutex_unlock(&gauge->lock);
	return running;
}

void engine_stir(struct engine *engine) {
	pthread_mutex_lock(&engine->lock);
	for (int kind = 0; kind < TIER_KINDS; kind++) {
		for (int use = TIER_RUN; use <= TIER_FUEL; use++) {
			if (engine->tiers[kind][use].wasm != NULL) {
				wasmtime_engine_increment_epoch(engine->tiers[kind][use].wasm);
			}
		}
	}
	pthread_mutex_unlock(&engine->lock);
}
