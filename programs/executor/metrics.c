/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/vitals.h"
#include "executor/rest.h"

static atomic_ullong *counter_of(struct counters *counters, const struct order *order) {
	if (order->ok) {
		return &counters->ok;
	}
	switch (order->err.code) {
	case ERROR_TRAPPED: return &counters->trapped;
	case ERROR_OUT_OF_GAS: return &counters->out_of_gas;
	case ERROR_INTERNAL:
	case ERROR_NO_MEMORY:
	case ERROR_UNAVAILABLE:
	case ERROR_INTERRUPTED:
	case ERROR_TIMEOUT: return &counters->failed;
	default: return &counters->refused;
	}
}

void metrics_count(struct executor *executor, const struct order *order) {
	struct counters *counters = &executor->counters;
	atomic_fetch_add(counter_of(counters, order), 1);
	atomic_fetch_add(&counters->gas, order->result.gas_used);
	atomic_fetch_add(&counters->time_us, clock_us() - order->begun_us);
}

static void put_head(struct buf *out, const char *name, const char *type, const char *help) {
	struct error ignored;
	(void)!buf_printf(out, &ignored, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_calls(const struct counters *c, struct buf *out) {
	static const char name[] = "propeller_executor_calls_total";
	struct error ignored;
	const struct {
		const char *outcome;
		unsigned long long value;
	} rows[] = {
		{ "ok", atomic_load(&c->ok) },
		{ "trap", atomic_load(&c->trapped) },
		{ "out_of_gas", atomic_load(&c->out_of_gas) },
		{ "refused", atomic_load(&c->refused) },
		{ "failed", atomic_load(&c->failed) },
	};
	put_head(out, name, "counter", "Calls by what came of them.");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)!buf_printf(out, &ignored, "%s{outcome=\"%s\"} %llu\n", name, rows[i].outcome,
				rows[i].value);
	}
}

void metrics_write(struct executor *executor, struct buf *out) {
	const struct counters *c = &executor->counters;
	const struct pool_counts pool = pool_counts(executor->pool);
	struct error ignored;
	const struct {
		const char *name, *type, *help;
		unsigned long long value;
	} rows[] = {
		{ "propeller_executor_grpc_requests_total", "counter", "Calls by gRPC.",
				atomic_load(&c->grpc) },
		{ "propeller_executor_rest_requests_total", "counter", "Calls by REST.",
				atomic_load(&c->rest) },
		{ "propeller_executor_gas_total", "counter", "Gas that calls have used.",
				atomic_load(&c->gas) },
		{ "propeller_executor_reports_total", "counter", "Reports asked of the attester.",
				atomic_load(&c->reports) },
		{ "propeller_executor_receipts_total", "counter", "Receipts given out.",
				atomic_load(&c->receipts) },
		{ "propeller_executor_calls_waiting", "gauge", "Calls in the queue.",
				pool.waiting },
		{ "propeller_executor_calls_running", "gauge", "Calls that run.", pool.running },
		{ "propeller_executor_workers", "gauge", "Threads that run calls.", pool.threads },
		{ "propeller_executor_cache_bytes", "gauge", "Bytes of compiled modules.",
				module_cache_bytes(executor->modules) },
	};
	put_calls(c, out);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_head(out, rows[i].name, rows[i].type, rows[i].help);
		(void)!buf_printf(out, &ignored, "%s %llu\n", rows[i].name, rows[i].value);
	}
	put_head(out, "propeller_executor_call_seconds_total", "counter",
			"Time from a call's arrival to its answer.");
	(void)!buf_printf(out, &ignored, "propeller_executor_call_seconds_total %.6f\n",
			(double)atomic_load(&c->time_us) / 1e6);
	vitals_write(out, false);
}
