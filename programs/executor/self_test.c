/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/self_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "executor/json.h"

static const char add_module[] = "AGFzbQEAAAABBwFgAn9/AX8DAgEABwcBA2FkZAAACgkBBwAgACABags=";
static const char fib_module[] =
		"AGFzbQEAAAABCgJgAX8AYAF/AX8DAgEBBQMBAAEHBwEDZmliAAAKHgEcACAAQQJIBH9BAQUg"
		"AEEBaxAAIABBAmsQAGoLCwsHAQBBAAsBeA==";
/* mul64, divf, halff, void, div, trap, many, loop, deep */
static const char mixed_module[] =
		"AGFzbQEAAAABJAZgAn5+AX5gAnx8AXxgAX0BfWAAAGACf38Bf2ACf3wEfH9+fQMKCQABAgME"
		"AwUDAwdBCQVtdWw2NAAABGRpdmYAAQVoYWxmZgACBHZvaWQAAwNkaXYABAR0cmFwAAUEbWFu"
		"eQAGBGxvb3AABwRkZWVwAAgKRgkHACAAIAF+CwcAIAAgAaMLCgAgAEMAAAA/lAsCAAsHACAA"
		"IAFtCwMAAAsNACABIABCe0MAAMA/CwcAA0AMAAsLBAAQCAs=";

static const struct known {
	const char *module, *function;
	const char *inputs[2]; /* NULL: fewer */
	const char *expected;  /* values joined by a space, or the trap */
	uint64_t gas;          /* the limit; 0: the default one */
} calls[] = {
	{ add_module, "add", { "5", "3" }, "8", 0 },
	{ add_module, "add", { "NQ==", "Mw==" }, "8", 0 },
	{ fib_module, "fib", { "5" }, "8", 0 },
	{ fib_module, "fib", { "10" }, "89", 0 },
	{ fib_module, "fib", { "20" }, "10946", 0 },
	{ fib_module, "fib", { "25" }, "out of gas", 10000 },
	{ mixed_module, "mul64", { "-3", "7" }, "-21", 0 },
	{ mixed_module, "divf", { "1", "3" }, "0.3333333333333333", 0 },
	{ mixed_module, "divf", { "0", "0" }, "nan", 0 },
	{ mixed_module, "halff", { "0.1" }, "0.05", 0 },
	{ mixed_module, "void", { NULL }, "", 0 },
	{ mixed_module, "many", { "7", "0.1" }, "0.1 7 -5 1.5", 0 },
	{ mixed_module, "div", { "1", "0" }, "integer divide by zero", 0 },
	{ mixed_module, "trap", { NULL }, "unreachable", 0 },
	{ mixed_module, "loop", { NULL }, "out of gas", 1000000 },
	{ mixed_module, "deep", { NULL }, "call stack exhausted", 0 },
};

static const struct mode {
	enum engine_kind kind;
	const char *name;
} modes[] = { { ENGINE_INTERP, "interp" }, { ENGINE_SINGLEPASS, "singlepass" },
	{ ENGINE_MULTIPASS, "multipass" } };

enum { MODES = sizeof(modes) / sizeof(modes[0]), TEXT_SIZE = 256 };

/* One of them under way. */
struct trial {
	struct order order;
	struct json_request *request;
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool answered;
};

struct came {
	char text[TEXT_SIZE];
	uint64_t gas;
	bool attested;
};

static void take_answer(struct order *order) {
	struct trial *trial = order->context;
	(void)pthread_mutex_lock(&trial->lock);
	trial->answered = true;
	(void)pthread_cond_signal(&trial->done);
	(void)pthread_mutex_unlock(&trial->lock);
}

static void write_request(
		const struct known *known, const struct mode *mode, char *text, size_t size) {
	(void)snprintf(text, size,
			"{\"execution\":{\"bytecode\":\"%s\",\"fnName\":\"%s\",\"inputs\":["
			"%s%s%s%s%s%s%s]},\"runtimeConfig\":{\"mode\":%d,\"gasLimit\":{"
			"\"useGasLimit\":%s,\"limit\":%llu}}}",
			known->module, known->function, known->inputs[0] != NULL ? "\"" : "",
			known->inputs[0] != NULL ? known->inputs[0] : "",
			known->inputs[0] != NULL ? "\"" : "", known->inputs[1] != NULL ? "," : "",
			known->inputs[1] != NULL ? "\"" : "",
			known->inputs[1] != NULL ? known->inputs[1] : "",
			known->inputs[1] != NULL ? "\"" : "", (int)(mode - modes),
			known->gas != 0 ? "true" : "false", (unsigned long long)known->gas);
}

static void read_outcome(const struct order *order, struct came *came) {
	size_t used = 0;
	came->gas = order->result.gas_used;
	came->attested = order->receipt_json.size != 0;
	came->text[0] = '\0';
	if (!order->ok) {
		(void)snprintf(came->text, TEXT_SIZE, "%s",
				order_trapped(order) ? trap_name(order->result.trap)
						     : order->err.message);
		return;
	}
	for (size_t i = 0; i < order->result.count && used < TEXT_SIZE; i++) {
		char one[VALUE_TEXT_SIZE];
		value_write(&order->result.values[i], one);
		used += (size_t)snprintf(came->text + used, TEXT_SIZE - used, "%s%s",
				i == 0 ? "" : " ", one);
	}
}

static bool submit(struct executor *executor, struct trial *trial, const char *text,
		struct error *err) {
	const struct bytes bytes = { (const uint8_t *)text, strlen(text) };
	trial->request = json_request_read(bytes, &trial->order.asked, err);
	return trial->request != NULL && pool_submit(executor->pool, &trial->order, err);
}

static void try_call(struct executor *executor, const struct known *known, const struct mode *mode,
		struct came *came) {
	char text[2048];
	struct trial trial = { .request = NULL };
	order_init(&trial.order, executor->engine);
	(void)pthread_mutex_init(&trial.lock, NULL);
	(void)pthread_cond_init(&trial.done, NULL);
	trial.order.profile = PROFILE_2;
	trial.order.wants_json = true;
	trial.order.answer = take_answer;
	trial.order.context = &trial;
	write_request(known, mode, text, sizeof(text));
	if (submit(executor, &trial, text, &trial.order.err)) {
		(void)pthread_mutex_lock(&trial.lock);
		while (!trial.answered) {
			(void)pthread_cond_wait(&trial.done, &trial.lock);
		}
		(void)pthread_mutex_unlock(&trial.lock);
	}
	read_outcome(&trial.order, came);
	order_finish(&trial.order);
	json_request_destroy(trial.request);
	(void)pthread_cond_destroy(&trial.done);
	(void)pthread_mutex_destroy(&trial.lock);
}

/* True if all modes gave what they must, for the same gas, with a receipt. */
static bool try_modes(struct executor *executor, const struct known *known) {
	struct came came[MODES];
	const char *wrong = NULL;
	for (int i = 0; i < MODES; i++) {
		try_call(executor, known, &modes[i], &came[i]);
		if (strcmp(came[i].text, known->expected) != 0 || !came[i].attested ||
				came[i].gas != came[0].gas) {
			wrong = modes[i].name;
		}
	}
	(void)printf("  %-6s %-22s %12llu   %s\n", wrong == NULL ? "ok" : "WRONG", known->function,
			(unsigned long long)came[0].gas, known->expected);
	for (int i = 0; wrong != NULL && i < MODES; i++) {
		(void)printf("         %-10s gas %llu: %s%s\n", modes[i].name,
				(unsigned long long)came[i].gas, came[i].text,
				came[i].attested ? "" : " (no receipt)");
	}
	return wrong == NULL;
}

/* Where nothing can attest, the calls are still worth a look: nobody else sees their receipts. */
static bool use_sample(struct executor *executor, struct error *why) {
	struct executor_settings settings = *executor->settings;
	char sample[] = "sample";
	settings.attester = sample;
	struct attestation *other = attestation_open(&settings, why);
	if (other == NULL) {
		return false;
	}
	attestation_close(executor->attestation);
	executor->attestation = other;
	return true;
}

int self_test(struct executor *executor) {
	struct error why;
	bool all = true;
	bool possible = attestation_possible(executor->attestation, &why);
	(void)printf("  attester: %s\n", attestation_tee(executor->attestation));
	if (!possible) {
		struct error other;
		(void)printf("  %s\n", why.message);
		if (!use_sample(executor, &other)) {
			return error_exit_code(other.code);
		}
	}
	(void)printf("\n  %-6s %-22s %12s   %s\n", "", "CALL", "GAS",
			"RESULT, the same in 3 modes");
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		all = try_modes(executor, &calls[i]) && all;
	}
	(void)printf("\n  %s\n", !all        ? "WRONG: see above"
				 : !possible ? "calls are right, but nothing here attests them"
					     : "all is well");
	return !all ? error_exit_code(ERROR_FAILED) : possible ? 0 : error_exit_code(why.code);
}
