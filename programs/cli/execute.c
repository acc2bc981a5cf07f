/* SPDX-License-Identifier: Apache-2.0 */
/* `execute FILE FUNCTION ARGS`: a call by an executor over REST, with a receipt of version 2. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"
#include "cli/executed.h"
#include "cli/output.h"
#include "cli/text.h"
#include "cli/verify.h"

enum {
	MODULE_MAX = 12 * 1024 * 1024,
	ANSWER_MAX = 32 * 1024 * 1024,
	CALL_MS = 600 * 1000,
	NONCE_MAX = 64,
	NONCE_RANDOM = 16,
	UP_MAX = 64 * 1024
};

/* One call, from the flags to its receipt. */
struct call {
	const struct arguments *arguments;
	struct executed asked;
	uint8_t wasm[DIGEST_SIZE], nonce[NONCE_MAX];
	struct buf module;
	json_t *answer;          /* the whole of it, also of one that failed */
	bool failed;             /* for this reason: */
	struct error why;        /* of a call that trapped, its trap */
	struct receipt *receipt; /* NULL: there is none */
	struct statement *statement;
};

static void call_finish(struct call *call) {
	buf_finish(&call->module);
	json_decref(call->answer);
	receipt_destroy(call->receipt);
	free(call->statement);
}

/* --- what is asked for -------------------------------------------------------------------------
 */

/* Of a stack that runs in its usual folder. */
static char *url_of_up(void) {
	struct error ignored;
	CLEANUP(mem_freep) char *folder = up_folder();
	CLEANUP(mem_freep) char *path = str_format("%s/up.json", folder);
	CLEANUP(buf_finish) struct buf text = BUF_INIT(UP_MAX);
	if (!file_read(path, &text, &ignored)) {
		return NULL;
	}
	json_t *choice = json_loadb(buf_text(&text), text.size, 0, NULL);
	char *url = str_copy(json_string_value(json_object_get(choice, "executor_url")));
	json_decref(choice);
	return url;
}

static char *url_of(const struct arguments *arguments) {
	const char *url = arguments->flags[FLAG_EXECUTOR];
	if (url == NULL) {
		url = getenv("PROPELLER_EXECUTOR_URL");
	}
	char *found = url != NULL && url[0] != 0 ? str_copy(url) : url_of_up();
	return found != NULL ? found : str_copy("http://localhost:8080");
}

static bool read_nonce(struct call *call, struct error *err) {
	const char *text = call->arguments->flags[FLAG_NONCE];
	call->asked.nonce = call->nonce;
	call->asked.nonce_size = text != NULL ? strlen(text) / 2 : NONCE_RANDOM;
	if (text == NULL) {
		random_bytes(call->nonce, NONCE_RANDOM);
		return true;
	}
	return (strlen(text) <= 2 * (size_t)NONCE_MAX && strlen(text) % 2 == 0 &&
			       hex_decode(text, call->nonce, call->asked.nonce_size)) ||
	       error_set(err, ERROR_INVALID,
			       "flag --nonce: up to 64 bytes as hex digits are wanted");
}

static bool read_asked(struct call *call, struct error *err) {
	const struct arguments *arguments = call->arguments;
	if (arguments->flags[FLAG_REPORT] != NULL || arguments->flags[FLAG_WASM] != NULL ||
			arguments->flags[FLAG_REQUEST] != NULL) {
		return error_set(err, ERROR_INVALID,
				"flags --report, --request and --wasm are for `propeller-cli "
				"verify`");
	}
	call->module = BUF_INIT(MODULE_MAX);
	if (!file_read(arguments->items[0], &call->module, err)) {
		return false;
	}
	digest_of(call->module.data, call->module.size, call->wasm);
	call->asked.wasm = call->wasm;
	call->asked.function = arguments->items[1];
	call->asked.inputs = arguments->items + 2;
	return read_nonce(call, err);
}

static bool put_config(json_t *body, const struct arguments *arguments, struct error *err) {
	static const char *const modes[] = { "interp", "singlepass", "multipass" };
	const char *mode = arguments->flags[FLAG_MODE], *gas = arguments->flags[FLAG_GAS];
	int number = 0;
	uint64_t limit;
	while (mode != NULL && number < 3 && !str_equal(mode, modes[number])) {
		number++;
	}
	if (number == 3) {
		return error_set(err, ERROR_INVALID,
				"flag --mode: \"%.40s\" is neither interp nor singlepass nor "
				"multipass",
				mode);
	}
	json_t *config = json_pack("{s:i}", "mode", number);
	json_object_set_new(body, "runtimeConfig", config);
	if (gas == NULL) {
		return true;
	}
	if (!str_to_u64(gas, &limit, err) || limit > INT64_MAX) {
		return error_set(err, ERROR_INVALID, "flag --gas: a number from 0 to %lld",
				(long long)INT64_MAX);
	}
	json_object_set_new(
			config, "gasLimit", json_pack("{s:b,s:s}", "useGasLimit", 1, "limit", gas));
	return true;
}

static json_t *body_of(const struct call *call, struct error *err) {
	json_t *inputs = json_array(), *body = json_object();
	CLEANUP(mem_freep) char *text = base64_encode(call->module.data, call->module.size);
	bool utf8 = str_is_utf8(call->asked.function, strlen(call->asked.function));
	for (size_t i = 0; call->asked.inputs[i] != NULL; i++) {
		const char *input = call->asked.inputs[i];
		utf8 = utf8 && str_is_utf8(input, strlen(input));
		json_array_append_new(inputs, utf8 ? json_string(input) : json_null());
	}
	json_object_set_new(body, "execution",
			json_pack("{s:s,s:s,s:s,s:o}", "version", "1.0", "bytecode", text, "fnName",
					utf8 ? call->asked.function : "", "inputs", inputs));
	if (!utf8) {
		error_set(err, ERROR_INVALID, "an argument is not UTF-8");
	}
	if (!utf8 || !put_config(body, call->arguments, err)) {
		json_decref(body);
		return NULL;
	}
	return body;
}

/* --- what comes back ---------------------------------------------------------------------------
 */

static bool take_receipt(struct call *call, struct error *err) {
	json_t *receipt = json_object_get(call->answer, "receipt");
	if (receipt == NULL) {
		return true;
	}
	CLEANUP(mem_freep) char *text = json_dumps(receipt, JSON_COMPACT);
	call->receipt = receipt_parse((struct bytes){ (const uint8_t *)text, strlen(text) }, err);
	call->statement = call->receipt != NULL ? statement_decode(call->receipt->statement, err)
						: NULL;
	return call->statement != NULL && executed_matches(&call->asked, call->statement, err);
}

static bool take_answer(struct call *call, const struct http_answer *answer, struct error *err) {
	if (answer->status >= 400) {
		call->failed = true;
		(void)http_answer_error(answer, &call->why);
	}
	call->answer = json_loadb(buf_text(&answer->body), answer->body.size, 0, NULL);
	if (call->answer == NULL && !call->failed) {
		return error_set(err, ERROR_INTERNAL,
				"the executor's answer is not JSON; is this its address?");
	}
	if (!take_receipt(call, err)) {
		return false;
	}
	if (call->receipt != NULL || call->failed) {
		return true;
	}
	return error_set(err, ERROR_UNATTESTED, "the executor's answer has no receipt");
}

static bool send_call(struct call *call, const char *url, struct error *err) {
	struct manager executor;
	char nonce[2 * NONCE_MAX + 1];
	json_t *body = body_of(call, err);
	CLEANUP(mem_freep) char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	if (text == NULL) {
		return false;
	}
	hex_encode(call->nonce, call->asked.nonce_size, nonce);
	CLEANUP(mem_freep) char *path = str_format("/v1/dtvm/execute?profile=2&nonce=%s", nonce);
	const struct http_call request = { .method = "POST",
		.path = path,
		.type = "application/json",
		.body = { (const uint8_t *)text, strlen(text) },
		.timeout_ms = CALL_MS };
	struct http_answer answer = { .body = BUF_INIT(ANSWER_MAX) };
	bool ok = manager_open_executor(&executor, call->arguments, url, err) &&
		  (http_client_send(executor.client, &request, &answer, err) ||
				  error_wrap(err, "cannot reach the executor (--executor URL)")) &&
		  take_answer(call, &answer, err);
	buf_finish(&answer.body);
	manager_close(&executor);
	return ok;
}

static bool save_receipt(const struct call *call, struct error *err) {
	const char *path = call->arguments->flags[FLAG_RECEIPT];
	const json_t *receipt = json_object_get(call->answer, "receipt");
	if (path == NULL || receipt == NULL) {
		return true;
	}
	CLEANUP(mem_freep) char *text = json_dumps(receipt, JSON_INDENT(2));
	return file_write(path, text, strlen(text), 0644, err);
}

/* --- what is shown -----------------------------------------------------------------------------
 */

static void print_values(const json_t *values) {
	size_t index;
	json_t *value;
	json_array_foreach(values, index, value) {
		(void)printf("%s%s", index == 0 ? "" : " ", json_string_value(value));
	}
	(void)putchar('\n');
}

static void put_verdict(json_t *shown, const struct verdict *verdict) {
	json_object_set_new(shown, "verdict", json_string(verdict_word(verdict->reason)));
	json_object_set_new(shown, "reason", json_string(verdict_slug(verdict->reason)));
}

/* {"values":["8"],"gas_used":3,"attester":"sample","receipt":{…}} or with "trap". */
static json_t *describe(const struct call *call) {
	const struct statement *statement = call->statement;
	json_t *shown = json_object();
	if (statement->trap != NULL) {
		json_object_set_new(shown, "trap", json_string(statement->trap));
	} else {
		json_object_set_new(shown, "values", executed_values(statement));
	}
	json_object_set_new(shown, "gas_used", json_integer((json_int_t)statement->gas_used));
	json_object_set_new(shown, "attester",
			json_string(evidence_tee_name(call->receipt->evidence->tee)));
	json_object_set(shown, "receipt", json_object_get(call->answer, "receipt"));
	return shown;
}

/* The verdict on standard error, or the reason why it is none to go on with. */
static bool judge(const struct call *call, const struct verdict *verdict, struct error *err) {
	bool sample = verdict->reason == VERDICT_SAMPLE &&
		      call->arguments->flags[FLAG_ALLOW_SAMPLE] != NULL;
	if (verdict->reason != VERDICT_VERIFIED && !sample) {
		return verdict_error(verdict, err);
	}
	(void)fprintf(stderr, "%s\n", verdict_title(verdict->reason));
	return true;
}

static bool verify_call(const struct call *call, struct verdict *verdict, struct error *err) {
	CLEANUP(mem_freep) struct wanted *wanted = MEM_NEW(struct wanted);
	const struct bytes nonce = { call->nonce, call->asked.nonce_size };
	bool ok = wanted_read(wanted, call->arguments, err);
	if (ok) {
		wanted->policy.nonce = &nonce;
		wanted->policy.wasm = call->wasm;
		(void)receipt_verify(call->receipt, &wanted->policy, verdict);
	}
	wanted_finish(wanted);
	return ok;
}

static bool show_call(const struct call *call, struct error *err) {
	struct verdict verdict;
	enum look look = look_of(call->arguments);
	bool verifies = call->arguments->flags[FLAG_VERIFY] != NULL;
	if (verifies && !verify_call(call, &verdict, err)) {
		return false;
	}
	json_t *shown = describe(call);
	if (verifies) {
		put_verdict(shown, &verdict);
	}
	if (look == LOOK_JSON || look == LOOK_JSONL) {
		print_json(look, shown);
	} else if (call->statement->trap == NULL) {
		print_values(json_object_get(shown, "values"));
	}
	json_decref(shown);
	return !verifies || judge(call, &verdict, err);
}

/* What it came to: 0, or -1 with err for a trap and all else. */
static int conclude(const struct call *call, struct error *err) {
	if (!save_receipt(call, err) || (call->receipt != NULL && !show_call(call, err))) {
		return -1;
	}
	if (call->failed) {
		*err = call->why;
		return -1;
	}
	if (call->statement->trap != NULL) {
		error_set(err, ERROR_TRAPPED, "%s", call->statement->trap);
		return -1;
	}
	return 0;
}

int execute(const struct arguments *arguments, struct error *err) {
	struct call call = { .arguments = arguments };
	CLEANUP(mem_freep) char *url = url_of(arguments);
	bool ok = read_asked(&call, err) && send_call(&call, url, err);
	int code = ok ? conclude(&call, err) : -1;
	call_finish(&call);
	return code;
}

/* --- samples -----------------------------------------------------------------------------------
 */

static bool is_30(const struct call *call) {
	return call->statement != NULL && call->statement->outputs.count == 1 &&
	       call->statement->outputs.items[0].bits == 30;
}

/* 10 + 20 in a mode; the line that says what came of it. */
static bool run_sample(const char *url, const char *file, const char *mode) {
	CLEANUP(mem_freep) struct arguments *arguments = MEM_NEW(struct arguments);
	struct call call = { .arguments = arguments };
	struct verdict verdict = { .reason = VERDICT_STATEMENT };
	struct error err = { .message = "" };
	static const char *const words[] = { "add", "10", "20" };
	arguments->items[0] = file;
	for (int i = 0; i < 3; i++) {
		arguments->items[i + 1] = words[i];
	}
	arguments->flags[FLAG_MODE] = mode;
	bool right = read_asked(&call, &err) && send_call(&call, url, &err) && is_30(&call) &&
		     verify_call(&call, &verdict, &err) && verdict.reason == VERDICT_SAMPLE;
	CLEANUP(mem_freep) char *why = printable(call.failed ? call.why.message : err.message, 60);
	(void)printf("  add 10 20            %-12s %-12s %s\n", mode, right ? "30" : "WRONG",
			right ? "intact, of the sample attester: proves nothing" : why);
	call_finish(&call);
	return right;
}

bool execute_samples(unsigned port, const char *examples) {
	static const char *const modes[] = { "interp", "singlepass", "multipass" };
	CLEANUP(mem_freep) char *url = str_format("http://127.0.0.1:%u", port);
	CLEANUP(mem_freep) char *file = str_format("%s/add/build/add.wasm", examples);
	bool all = true;
	(void)printf("\n  %-20s %-12s %-12s %s\n", "EXECUTED", "MODE", "RESULT", "RECEIPT");
	for (size_t i = 0; i < 3; i++) {
		all = run_sample(url, file, modes[i]) && all;
	}
	return all;
}
