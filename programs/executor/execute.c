/* SPDX-License-Identifier: Apache-2.0 */
/* One order: its module, its function, its inputs, the call, and what is to be attested of it. */
#include <stdlib.h>
#include <string.h>

#include <wasmtime.h>

#include "attest/statement.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/version.h"
#include "executor/executor.h"

const char engine_version[] = "wasmtime " WASMTIME_VERSION;
const char program_version[] = "propeller-executor " AIRSCREW_VERSION;

/* A member of the execution, by the name that both of its spellings share. */
static bool at_fault(const char *name, struct error *err) {
	return error_in(err, name) || error_in(err, "execution");
}

static bool decode_module(struct order *order, struct buf *wasm, struct error *err) {
	const char *text = order->asked.bytecode;
	if (text[0] == '\0') {
		return error_set(err, ERROR_INVALID,
				       "execution.bytecode is empty: it takes the module as "
				       "base64") ||
		       at_fault("bytecode", err);
	}
	if (!base64_decode(text, strlen(text), wasm, err)) {
		return error_wrap(err, "execution.bytecode is not base64") ||
		       at_fault("bytecode", err);
	}
	digest_of(wasm->data, wasm->size, order->digest);
	return true;
}

static bool read_inputs(
		struct order *order, const struct export_function *function, struct error *err) {
	size_t count = function_param_count(function);
	if (order->asked.input_count != count) {
		return error_set(err, ERROR_INVALID,
				       "%.64s takes %zu arguments, execution.inputs has %zu",
				       order->asked.function, count, order->asked.input_count) ||
		       at_fault("inputs", err);
	}
	order->inputs = mem_zero(count + 1, sizeof(*order->inputs));
	for (size_t i = 0; i < count; i++) {
		if (!order->asked.layout->input(&order->asked, i, function_param(function, i),
				    &order->inputs[i], err)) {
			return error_wrap(err, "execution.inputs") || error_in_item(err, i) ||
			       at_fault("inputs", err);
		}
	}
	return true;
}

/* What is left of the client's time, and of ours. */
static bool time_left(const struct executor *executor, const struct order *order, uint64_t *wall_ms,
		struct error *err) {
	uint64_t now = clock_ms();
	if (run_stop_requested(order->stop)) {
		return error_set(err, ERROR_INTERRUPTED, "the client has gone");
	}
	if (now >= order->deadline_ms) {
		return error_set(err, ERROR_TIMEOUT,
				"the client's time ended before the call began");
	}
	*wall_ms = executor->settings->wall_ms;
	if (order->deadline_ms - now < *wall_ms) {
		*wall_ms = order->deadline_ms - now;
	}
	return true;
}

/* A trap is the module's doing: it has codes of its own. */
static void name_trap(const struct order *order, struct error *err) {
	if (order->result.trap == TRAP_GAS) {
		error_set(err, ERROR_OUT_OF_GAS,
				"%s: the limit is %llu; set a higher "
				"runtime_config.gas_limit.limit",
				trap_name(TRAP_GAS), (unsigned long long)order->gas_limit);
	} else if (order->result.trap != TRAP_NONE) {
		error_set(err, ERROR_TRAPPED, "%s", trap_name(order->result.trap));
	}
}

static bool call(struct executor *executor, struct order *order, struct program *program,
		struct error *err) {
	struct call_request request = { .memory_bytes = executor->settings->memory_bytes };
	const struct export_function *function =
			program_function(program, order->asked.function, err);
	if (function == NULL) {
		return error_wrap(err, "execution.fn_name");
	}
	if (!read_inputs(order, function, err) ||
			!time_left(executor, order, &request.wall_ms, err)) {
		return false;
	}
	order->gas_limit = order->asked.gas_limited ? order->asked.gas_limit
						    : executor->settings->gas_default;
	request.values = order->inputs;
	request.count = order->asked.input_count;
	request.gas = order->gas_limit;
	order->called = true;
	bool ok = program_call(program, function, &request, order->stop, &order->result, err);
	if (!ok) {
		name_trap(order, err);
	}
	return ok;
}

static bool run(struct executor *executor, struct order *order, struct error *err) {
	uint64_t wall_ms;
	struct buf wasm = BUF_INIT(PROGRAM_MODULE_MAX);
	char digest[DIGEST_HEX_SIZE];
	if (!time_left(executor, order, &wall_ms, err) || !decode_module(order, &wasm, err)) {
		buf_finish(&wasm);
		return false;
	}
	hex_encode(order->digest, DIGEST_SIZE, digest);
	const struct program_wish wish = { { wasm.data, wasm.size }, digest, order->asked.mode,
		true };
	struct program *program = program_acquire(executor->modules, &wish, order->stop, err);
	buf_finish(&wasm);
	if (program == NULL) {
		return false;
	}
	bool ok = call(executor, order, program, err);
	program_release(executor->modules, program);
	return ok;
}

/* --- what is to be attested --------------------------------------------------------------------
 */

static void copy_values(const struct value *from, size_t count, struct statement_value *to) {
	for (size_t i = 0; i < count; i++) {
		to[i] = layout_value(&from[i]);
	}
}

static enum statement_mode statement_mode_of(enum engine_kind kind) {
	return kind == ENGINE_MULTIPASS    ? STATEMENT_MULTIPASS
	       : kind == ENGINE_SINGLEPASS ? STATEMENT_SINGLEPASS
					   : STATEMENT_INTERP;
}

static bool make_statement(struct order *order, struct error *err) {
	size_t inputs = order->asked.input_count, outputs = order->ok ? order->result.count : 0;
	CLEANUP(mem_freep)
	struct statement_value *values = mem_zero(inputs + outputs + 1, sizeof(*values));
	copy_values(order->inputs, inputs, values);
	copy_values(order->result.values, outputs, values + inputs);
	struct statement statement = { .nonce = { order->nonce, order->nonce_size },
		.function = order->asked.function,
		.inputs = { values, inputs },
		.trap = order->ok ? NULL : trap_name(order->result.trap),
		.outputs = { values + inputs, outputs },
		.mode = statement_mode_of(order->asked.mode),
		.gas_limited = true,
		.gas_limit = order->gas_limit,
		.gas_used = order->result.gas_used,
		.engine = engine_version,
		.program = program_version };
	memcpy(statement.wasm, order->digest, DIGEST_SIZE);
	return statement_encode(&statement, &order->statement, err);
}

static bool make_report_data(struct order *order, struct error *err) {
	if (!layout_report_data(&order->asked, order->result.values, order->result.count,
			    order->report_data, err)) {
		return false;
	}
	hex_encode(order->report_data, REPORT_DATA_SIZE, order->report_hex);
	return true;
}

/* True if there is something to attest: profile 1 knows no receipts of failures. */
static bool describe(struct order *order) {
	struct error err;
	if (order->profile == PROFILE_2 && (order->ok || order_trapped(order))) {
		return make_statement(order, &err) || order_fail(order, &err);
	}
	return order->ok && (make_report_data(order, &err) || order_fail(order, &err));
}

void execute(struct executor *executor, struct order *order) {
	struct error err;
	/* Nothing is executed whose result could not be attested. */
	order->ok = attestation_possible(executor->attestation, &err) && run(executor, order, &err);
	if (!order->ok) {
		(void)order_fail(order, &err);
	}
	if (describe(order)) {
		attest(executor, order);
	} else {
		pool_answer(executor->pool, order);
	}
}
