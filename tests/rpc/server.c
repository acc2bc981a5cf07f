/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpc_server DESCRIPTORS [--NAME VALUE ...]: serves echo.proto and interop.proto on a free port of
 * 127.0.0.1, which it prints. SIGTERM: it drains and ends. SIGUSR1, SIGUSR2: its health is bad,
 * good again.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <echo.pb-c.h>
#include <interop.pb-c.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "rpc/rpc.h"

enum { KEPT_MAX = 1024, WORD_MAX = 64, FILE_MAX = 1024 * 1024, DRAIN_MS = 5000 };

struct kept {
	struct rpc_call *call;
	struct server *server;
	char word[WORD_MAX];
	bool cancelled;
};

struct server {
	struct rpc_server *rpc;
	pthread_mutex_t lock;
	struct kept *kept[KEPT_MAX];
	unsigned kept_count, cancelled, answered;
};

/* --- answers --------------------------------------------------------------------------------- */

static void reply(struct rpc_call *call, const ProtobufCMessage *message) {
	size_t size = protobuf_c_message_get_packed_size(message);
	CLEANUP(mem_freep) uint8_t *bytes = mem_zero(size + 1, 1);
	(void)protobuf_c_message_pack(message, bytes);
	rpc_reply(call, (struct bytes){ bytes, size });
}

static ProtobufCBinaryData binary(struct bytes bytes) {
	return (ProtobufCBinaryData){ bytes.size, (uint8_t *)(uintptr_t)bytes.data };
}

static int64_t left_ms(const struct rpc_call *call) {
	uint64_t deadline = rpc_deadline_ns(call) / 1000000, now = clock_ms();
	return rpc_deadline_ns(call) == UINT64_MAX ? -1
						   : (int64_t)(deadline > now ? deadline - now : 0);
}

static void answer(struct rpc_call *call, const Airscrew__Test__Order *order) {
	Airscrew__Test__Answer answer = AIRSCREW__TEST__ANSWER__INIT;
	CLEANUP(mem_freep) uint8_t *large = NULL;
	rpc_trailer(call, "airscrew-peer", rpc_peer(call));
	rpc_trailer_bytes(call, "airscrew-raw-bin", (struct bytes){ (const uint8_t *)"\0\1\377", 3 });
	if (order->status != 0) {
		rpc_reply_error(call, (enum rpc_status)order->status, order->message);
		return;
	}
	answer.payload = order->payload;
	if (order->size != 0) {
		large = mem_zero(order->size, 1);
		answer.payload = binary((struct bytes){ large, order->size });
	}
	answer.nonce = binary(rpc_metadata(call, "airscrew-nonce"));
	answer.binary = binary(rpc_metadata(call, "airscrew-nonce-bin"));
	answer.left_ms = left_ms(call);
	answer.path = (char *)(uintptr_t)rpc_path(call);
	reply(call, &answer.base);
}

/* --- kept calls ------------------------------------------------------------------------------ */

static bool take_kept(struct server *server, const struct kept *kept) {
	for (unsigned i = 0; i < server->kept_count; i++) {
		if (server->kept[i] == kept) {
			server->kept[i] = server->kept[--server->kept_count];
			return true;
		}
	}
	return false;
}

/* In the loop's thread: nobody waits for this one any more. */
static void give_up(void *context) {
	struct kept *kept = context;
	struct server *server = kept->server;
	(void)pthread_mutex_lock(&server->lock);
	bool mine = take_kept(server, kept);
	kept->cancelled = true;
	server->cancelled++;
	(void)pthread_mutex_unlock(&server->lock);
	if (mine) {
		rpc_reply_error(kept->call, RPC_CANCELLED, "given up");
		free(kept);
	}
}

static void keep(
		struct server *server, struct rpc_call *call, const Airscrew__Test__Order *order) {
	struct kept *kept = MEM_NEW(struct kept);
	kept->call = call;
	kept->server = server;
	(void)snprintf(kept->word, sizeof(kept->word), "%s", order->keep);
	if (!order->stubborn) {
		rpc_on_cancel(call, give_up, kept); /* before others can answer it */
	}
	(void)pthread_mutex_lock(&server->lock);
	bool kept_now = server->kept_count < KEPT_MAX && !kept->cancelled;
	if (kept_now) {
		server->kept[server->kept_count++] = kept;
	}
	(void)pthread_mutex_unlock(&server->lock);
	if (!kept_now) {
		rpc_reply_error(call, RPC_RESOURCE_EXHAUSTED, "too many are kept, or given up");
		free(kept);
	}
}

static void reply_counts(struct server *server, struct rpc_call *call) {
	Airscrew__Test__Counts counts = AIRSCREW__TEST__COUNTS__INIT;
	(void)pthread_mutex_lock(&server->lock);
	counts.kept = server->kept_count;
	counts.cancelled = server->cancelled;
	counts.answered = server->answered;
	(void)pthread_mutex_unlock(&server->lock);
	reply(call, &counts.base);
}

static struct kept *next_with(struct server *server, const char *word) {
	struct kept *found = NULL;
	(void)pthread_mutex_lock(&server->lock);
	for (unsigned i = 0; i < server->kept_count && found == NULL; i++) {
		if (str_equal(server->kept[i]->word, word)) {
			found = server->kept[i];
			(void)take_kept(server, found);
			server->answered++;
		}
	}
	(void)pthread_mutex_unlock(&server->lock);
	return found;
}

/* --- methods --------------------------------------------------------------------------------- */

static void *answer_elsewhere(void *context) {
	struct rpc_call *call = context;
	struct bytes request = rpc_request(call);
	Airscrew__Test__Order *order =
			airscrew__test__order__unpack(NULL, request.size, request.data);
	answer(call, order);
	airscrew__test__order__free_unpacked(order, NULL);
	return NULL;
}

static void hand_over(struct rpc_call *call) {
	pthread_t thread;
	if (pthread_create(&thread, NULL, answer_elsewhere, call) == 0) {
		(void)pthread_detach(thread);
	} else {
		rpc_reply_error(call, RPC_RESOURCE_EXHAUSTED, "no thread");
	}
}

static void say(void *context, struct rpc_call *call) {
	struct bytes request = rpc_request(call);
	Airscrew__Test__Order *order =
			airscrew__test__order__unpack(NULL, request.size, request.data);
	if (order == NULL) {
		struct error err;
		error_set(&err, ERROR_INVALID, "the request is not an Order");
		rpc_reply_failure(call, &err);
		return;
	}
	if (order->keep[0] != '\0') {
		keep(context, call, order);
	} else if (order->thread) {
		hand_over(call);
	} else {
		answer(call, order);
	}
	airscrew__test__order__free_unpacked(order, NULL);
}

static void raw(void *context, struct rpc_call *call) {
	(void)context;
	rpc_reply(call, rpc_request(call));
}

static void release(void *context, struct rpc_call *call) {
	struct server *server = context;
	struct bytes request = rpc_request(call);
	Airscrew__Test__Word *word = airscrew__test__word__unpack(NULL, request.size, request.data);
	struct kept *kept;
	while (word != NULL && (kept = next_with(server, word->keep)) != NULL) {
		Airscrew__Test__Order order = AIRSCREW__TEST__ORDER__INIT;
		answer(kept->call, &order);
		free(kept);
	}
	airscrew__test__word__free_unpacked(word, NULL);
	reply_counts(server, call);
}

static void count(void *context, struct rpc_call *call) {
	reply_counts(context, call);
}

static void empty_call(void *context, struct rpc_call *call) {
	(void)context;
	rpc_reply(call, (struct bytes){ 0 });
}

static void unary_call(void *context, struct rpc_call *call) {
	struct bytes request = rpc_request(call);
	Grpc__Testing__SimpleRequest *asked =
			grpc__testing__simple_request__unpack(NULL, request.size, request.data);
	Grpc__Testing__SimpleResponse response = GRPC__TESTING__SIMPLE_RESPONSE__INIT;
	Grpc__Testing__Payload payload = GRPC__TESTING__PAYLOAD__INIT;
	(void)context;
	if (asked == NULL || asked->response_size < 0) {
		rpc_reply_error(call, RPC_INVALID_ARGUMENT, "not a SimpleRequest");
	} else if (asked->response_status != NULL && asked->response_status->code != 0) {
		rpc_reply_error(call, (enum rpc_status)asked->response_status->code,
				asked->response_status->message);
	} else {
		CLEANUP(mem_freep) uint8_t *body = mem_zero((size_t)asked->response_size + 1, 1);
		payload.body = binary((struct bytes){ body, (size_t)asked->response_size });
		response.payload = &payload;
		reply(call, &response.base);
	}
	grpc__testing__simple_request__free_unpacked(asked, NULL);
}

/* Streams seen as unary calls wait for the client's end: that is all that some cases ask for. */
static const struct rpc_method methods[] = {
	{ "/airscrew.test.Echo/Say", say },
	{ "/airscrew.test.Echo/SayToo", say },
	{ "/airscrew.test.Echo/Raw", raw },
	{ "/airscrew.test.Echo/Release", release },
	{ "/airscrew.test.Echo/Count", count },
	{ "/grpc.testing.TestService/EmptyCall", empty_call },
	{ "/grpc.testing.TestService/UnaryCall", unary_call },
	{ "/grpc.testing.TestService/StreamingInputCall", empty_call },
	{ "/grpc.testing.TestService/FullDuplexCall", unary_call },
};

/* --- wiring ---------------------------------------------------------------------------------- */

struct numbers {
	uint64_t message_max, memory_max, connection_memory, threads, connections_max, streams_max;
	uint64_t handshake, idle, stall, keepalive, drain_ms;
};

static void fail(const struct error *err) {
	(void)fprintf(stderr, "rpc_server: %s\n", err->message);
	exit(2);
}

static bool set_number(struct numbers *numbers, const char *name, const char *value) {
	const struct {
		const char *name;
		uint64_t *place;
	} rows[] = { { "--message-max", &numbers->message_max },
		{ "--memory-max", &numbers->memory_max },
		{ "--connection-memory", &numbers->connection_memory }, { "--threads", &numbers->threads },
		{ "--connections-max", &numbers->connections_max },
		{ "--streams-max", &numbers->streams_max }, { "--handshake", &numbers->handshake },
		{ "--idle", &numbers->idle }, { "--stall", &numbers->stall },
		{ "--keepalive", &numbers->keepalive }, { "--drain-ms", &numbers->drain_ms } };
	struct error err;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (str_equal(rows[i].name, name)) {
			if (!str_to_u64(value, rows[i].place, &err)) {
				fail(&err);
			}
			return true;
		}
	}
	return false;
}

static void read_arguments(char **words, struct numbers *numbers, struct tls_files *files) {
	for (; words[0] != NULL && words[1] != NULL; words += 2) {
		if (set_number(numbers, words[0], words[1])) {
			continue;
		}
		struct tls_file *file = str_equal(words[0], "--ca")     ? &files->ca
					: str_equal(words[0], "--cert") ? &files->cert
					: str_equal(words[0], "--key")  ? &files->key
									: NULL;
		if (file == NULL) {
			(void)fprintf(stderr, "rpc_server: unknown %s\n", words[0]);
			exit(2);
		}
		*file = (struct tls_file){ words[0], words[1] };
	}
}

static void serve(struct server *server, const sigset_t *signals, uint64_t drain_ms) {
	for (int number = 0; number != SIGTERM && number != SIGINT;) {
		(void)sigwait(signals, &number);
		if (number == SIGUSR1 || number == SIGUSR2) {
			rpc_server_set_serving(server->rpc, number == SIGUSR2);
		}
	}
	rpc_server_quiesce(server->rpc);
	if (!rpc_server_drained(server->rpc, clock_ms() + drain_ms)) {
		(void)fprintf(stderr, "rpc_server: the drain took too long\n");
		rpc_server_cancel(server->rpc);
		(void)!rpc_server_drained(server->rpc, clock_ms() + DRAIN_MS);
	}
}

int main(int count_of_words, char **words) {
	struct server server = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct numbers numbers = { .drain_ms = DRAIN_MS };
	struct tls_files files = { 0 };
	struct tls_parts tls = { 0 };
	struct buf descriptors = BUF_INIT(FILE_MAX);
	struct error err;
	sigset_t signals;
	(void)sigemptyset(&signals);
	for (size_t i = 0; i < 4; i++) {
		(void)sigaddset(&signals, (int[]){ SIGTERM, SIGINT, SIGUSR1, SIGUSR2 }[i]);
	}
	(void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
	read_arguments(words + (count_of_words > 1 ? 2 : 1), &numbers, &files);
	if (count_of_words < 2 || !file_read(words[1], &descriptors, &err) ||
			!tls_read(&files, &tls, &err)) {
		fail(&err);
	}
	const struct rpc_server_options options = { .host = "127.0.0.1",
		.tls = &tls,
		.message_max = numbers.message_max,
		.memory_max = numbers.memory_max,
		.connection_memory = numbers.connection_memory,
		.threads = (unsigned)numbers.threads,
		.connections_max = (unsigned)numbers.connections_max,
		.streams_max = (unsigned)numbers.streams_max,
		.handshake_seconds = (unsigned)numbers.handshake,
		.idle_seconds = (unsigned)numbers.idle,
		.stall_seconds = (unsigned)numbers.stall,
		.keepalive_seconds = (unsigned)numbers.keepalive,
		.methods = methods,
		.method_count = sizeof(methods) / sizeof(methods[0]),
		.descriptors = { descriptors.data, descriptors.size },
		.context = &server };
	server.rpc = rpc_server_create(&options, &err);
	if (server.rpc == NULL) {
		fail(&err);
	}
	(void)printf("%u\n", (unsigned)rpc_server_port(server.rpc));
	(void)fflush(stdout);
	serve(&server, &signals, numbers.drain_ms);
	rpc_server_destroy(server.rpc);
	tls_finish(&tls);
	buf_finish(&descriptors);
	return 0;
}
