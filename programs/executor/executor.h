/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The parts of propeller-executor. Orders come in by gRPC (grpc.c) and REST (rest.c), wait in a
 * bounded queue, are executed by the pool's threads, and answered.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "attest/attester.h"
#include "engine/program_cache.h"
#include "executor/order.h"
#include "executor/settings.h"
#include "http/server.h"

struct pool;
struct leavers;
struct attestation;

struct counters {
	atomic_ullong grpc, rest;                               /* orders by way */
	atomic_ullong ok, trapped, out_of_gas, refused, failed; /* and by end */
	atomic_ullong gas, reports, receipts, time_us;
};

struct executor {
	const struct executor_settings *settings;
	struct engine *engine;
	struct module_cache *modules;
	struct attestation *attestation;
	struct pool *pool;
	struct leavers *leavers;
	struct counters counters;
};

/* --- pool.c ------------------------------------------------------------------------------------
 */
struct pool *pool_create(struct executor *executor, struct error *err) MUST_CHECK;
/*
 * Gives an order to the pool, which answers it. False: ERROR_BUSY with a full queue,
 * ERROR_UNAVAILABLE after pool_drain(); then the order is still the caller's.
 */
bool pool_submit(struct pool *pool, struct order *order, struct error *err) MUST_CHECK;
/* Answers an order that was taken, in the thread that calls. */
void pool_answer(struct pool *pool, struct order *order);
/* Takes nothing new, waits until all is answered; at the deadline (clock_ms()) what still runs is
 * stopped and answered so. */
void pool_drain(struct pool *pool, uint64_t deadline_ms);
void pool_destroy(struct pool *pool); /* after pool_drain(); accepts NULL */
struct pool_counts {
	uint64_t threads, waiting, running;
};
struct pool_counts pool_counts(struct pool *pool);

/* --- execute.c ---------------------------------------------------------------------------------
 */
/* For receipts: what has executed. */
extern const char engine_version[], program_version[];
/* Executes, and hands it on to be attested and answered. In a thread of the pool. */
void execute(struct executor *executor, struct order *order);

/* --- attest.c ----------------------------------------------------------------------------------
 */
/* Never NULL: where nothing can attest, orders are refused with the reason. */
struct attestation *attestation_open(
		const struct executor_settings *settings, struct error *err) MUST_CHECK;
void attestation_close(struct attestation *attestation); /* accepts NULL */
/* False with the reason why nothing here can be attested. */
bool attestation_possible(const struct attestation *attestation, struct error *err) MUST_CHECK;
/* "sev-snp", "sample", or "none". */
const char *attestation_tee(const struct attestation *attestation);
/* The certificates as JSON. */
bool attestation_certificates(
		struct attestation *attestation, struct buf *out, struct error *err) MUST_CHECK;
/* Evidence for what was executed; then it is answered, perhaps by another thread. */
void attest(struct executor *executor, struct order *order);
