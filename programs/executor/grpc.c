/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/grpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "executor/embedded.h"
#include "executor/rest.h"

enum { ANSWER_MAX = 2 * EXECUTOR_MESSAGE_MAX };

/* An order that came by gRPC. */
struct grpc_order {
	struct order order;
	struct executor *executor;
	struct rpc_call *call;
	void *message;
};

static void free_order(struct grpc_order *grpc) {
	if (grpc->message != NULL) {
		grpc->order.asked.layout->close(grpc->message);
	}
	order_finish(&grpc->order);
	free(grpc);
}

static bool write_answer(const struct order *order, struct buf *out, struct error *err) {
	const struct answered answered = { .outputs = order->result.values,
		.output_count = order->result.count,
		.attestation = buf_text(&order->attestation),
		.report_data = order->report_hex,
		.receipt = { order->receipt.data, order->receipt.size } };
	return layout_pack_answer(&order->asked, &answered, out, err);
}

static void add_trailers(struct grpc_order *grpc) {
	const struct order *order = &grpc->order;
	if (order->called) {
		char gas[24];
		(void)snprintf(gas, sizeof(gas), "%llu",
				(unsigned long long)order->result.gas_used);
		rpc_trailer(grpc->call, "gas-used", gas);
	}
	if (!order->ok && order->receipt.size != 0) {
		rpc_trailer_bytes(grpc->call, "receipt-bin",
				(struct bytes){ order->receipt.data, order->receipt.size });
	}
	if (!order->ok && order->err.code == ERROR_BUSY) {
		rpc_trailer(grpc->call, "retry-after-ms", "1000");
	}
	if (str_equal(attestation_tee(grpc->executor->attestation), "sample")) {
		rpc_trailer(grpc->call, "airscrew-attester", "sample");
	}
}

static void answer(struct order *order) {
	struct grpc_order *grpc = order->context;
	struct buf message = BUF_INIT(ANSWER_MAX);
	struct error err;
	if (order->ok && !write_answer(order, &message, &err)) {
		(void)order_fail(order, &err);
	}
	metrics_count(grpc->executor, order);
	add_trailers(grpc);
	if (order->ok) {
		rpc_reply(grpc->call, (struct bytes){ message.data, message.size });
	} else {
		rpc_reply_error(grpc->call, (enum rpc_status)order_grpc_status(order),
				order->err.message);
	}
	buf_finish(&message);
	free_order(grpc);
}

/* The client has gone, or its time is over. */
static void stop(void *context) {
	run_stop_request(context);
}

static const char *text_of(const struct rpc_call *call, const char *name) {
	return (const char *)rpc_metadata(call, name).data;
}

static uint64_t deadline_of(const struct rpc_call *call) {
	uint64_t ns = rpc_deadline_ns(call);
	return ns == UINT64_MAX ? UINT64_MAX : ns / 1000000;
}

/* A worker may answer and free the order as soon as it is submitted: what needs it comes before. */
static void take(struct executor *executor, struct rpc_call *call, const struct layout *layout) {
	struct grpc_order *grpc = MEM_NEW(struct grpc_order);
	struct order *order = &grpc->order;
	struct error err;
	order_init(order, executor->engine);
	grpc->executor = executor;
	grpc->call = call;
	order->answer = answer;
	order->context = grpc;
	order->deadline_ms = deadline_of(call);
	atomic_fetch_add(&executor->counters.grpc, 1);
	grpc->message = layout->open(rpc_request(call), &order->asked, &err);
	bool ok = grpc->message != NULL &&
		  order_set_profile(order, text_of(call, "airscrew-profile"),
				  text_of(call, "airscrew-nonce"), &err);
	if (ok) {
		rpc_on_cancel(call, stop, order->stop);
		ok = pool_submit(executor->pool, order, &err);
	}
	if (!ok) {
		(void)order_fail(order, &err);
		answer(order);
	}
}

static void execute_dtvm(void *context, struct rpc_call *call) {
	take(context, call, &layout_dtvm);
}

static void execute_wasm(void *context, struct rpc_call *call) {
	take(context, call, &layout_wasm);
}

static const struct rpc_method methods[] = {
	{ "/dtvm.WASMVMTeeService/Execute", execute_dtvm },
	{ "/dtvm.DTVMTeeService/Execute", execute_dtvm },
	{ "/wasm.WASMVMTeeService/Execute", execute_wasm },
};

struct rpc_server *grpc_open(struct executor *executor, struct error *err) {
	const struct executor_settings *settings = executor->settings;
	const struct rpc_server_options options = { .host = settings->grpc_host,
		.port = (uint16_t)settings->grpc_port,
		.tls = &settings->grpc_tls,
		.message_max = EXECUTOR_MESSAGE_MAX,
		.methods = methods,
		.method_count = sizeof(methods) / sizeof(methods[0]),
		.descriptors = { executor_descriptors, executor_descriptors_size },
		.context = executor };
	struct rpc_server *server = rpc_server_create(&options, err);
	if (server == NULL) {
		(void)error_wrap(err, "settings EXECUTOR_GRPC_HOST and EXECUTOR_GRPC_PORT");
	}
	return server;
}
