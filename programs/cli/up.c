/* SPDX-License-Identifier: Apache-2.0 */
/* `up`: broker, manager, proxy and workers on this machine, ready when it says so, gone when it
 * ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/version.h"
#include "cli/samples.h"
#include "cli/stack.h"
#include "cli/watched.h"

static bool write_choice(const struct stack *stack, struct error *err) {
	CLEANUP(mem_freep) char *path = str_format("%s/up.json", stack->folder);
	json_t *children = json_object();
	for (size_t i = 0; i < stack->count; i++) {
		json_object_set_new(children, stack->children[i].name,
				json_integer(stack->children[i].pid));
	}
	CLEANUP(mem_freep) char *executor = str_format("http://127.0.0.1:%u", stack->rest_port);
	json_t *choice = json_pack("{s:s,s:s,s:s,s:i,s:i,s:i,s:i,s:I,s:i,s:s,s:o}", "version",
			AIRSCREW_VERSION, "manager_url", stack->url, "executor_url", executor,
			"executor_grpc_port", (int)stack->grpc_port, "http_port",
			(int)stack->http_port, "mqtt_port", (int)stack->mqtt_port, "proxy_port",
			(int)stack->proxy_port, "proplets", (json_int_t)stack->proplets, "pid",
			(int)getpid(), "state", stack->folder, "children", children);
	CLEANUP(mem_freep) char *text = json_dumps(choice, JSON_INDENT(2));
	json_decref(choice);
	return file_write(path, text, strlen(text), 0600, err);
}

static void welcome(const struct stack *stack) {
	const char *cli = "propeller-cli";
	(void)printf("\nThe manager listens on %s (broker on port %u, logs in %s).\n"
		     "In a browser: %s/dashboard/\n\nTry:\n",
			stack->url, stack->mqtt_port, stack->folder, stack->url);
	(void)printf("  %s/%s -m %s tasks run %s/hello-world/build/hello.wasm\n", stack->programs,
			cli, stack->url, stack->examples);
	(void)printf("  %s/%s -m %s tasks run %s/add/build/add.wasm --invoke add 10 20\n",
			stack->programs, cli, stack->url, stack->examples);
	(void)printf("  %s/%s -m %s tasks list\n", stack->programs, cli, stack->url);
	(void)printf("  %s/%s execute --executor http://127.0.0.1:%u %s/add/build/add.wasm add 10 "
		     "20 -o json\n\n",
			stack->programs, cli, stack->rest_port, stack->examples);
	(void)fflush(stdout);
}

static void tend_until_asked(struct stack *stack) {
	(void)fputs("Ctrl-C ends everything.\n", stderr);
	for (;;) {
		uint64_t next = children_tend(stack->children, stack->count);
		uint64_t now = clock_ms();
		uint64_t wait = next == UINT64_MAX ? 60000 : next > now ? next - now : 0;
		if (signals_wait(wait)) {
			return;
		}
	}
}

static bool run_watched(struct stack *stack, struct manager *manager) {
	CLEANUP(mem_freep) char *registry = str_format("127.0.0.1:%u", stack->registry_port);
	return watched_run(&(struct watched){ .manager = manager,
			.examples = stack->examples,
			.channel = stack->channel,
			.mqtt_port = stack->mqtt_port,
			.encrypted = stack->key[0] != 0,
			.registry = stack->registry_port != 0 ? registry : NULL });
}

static bool run_sealed(const struct stack *stack, bool *asked, struct error *err) {
	struct stack sealed = { .lock = -1 };
	struct manager manager = { 0 };
	struct arguments local = { 0 };
	(void)fputs("\nthe same under a workload key, in a channel of its own\n", stderr);
	bool ok = stack_choose_sealed(&sealed, stack, err);
	if (ok) {
		local.flags[FLAG_MANAGER] = sealed.url;
		ok = manager_open(&manager, &local, err) &&
		     stack_start_programs(&sealed, &manager, asked, err) &&
		     (run_watched(&sealed, &manager) ||
				     error_set(err, ERROR_INTEGRITY,
						     "an encrypted sample is wrong; see the logs "
						     "in %s",
						     sealed.folder));
	}
	manager_close(&manager);
	stack_finish(&sealed);
	return ok;
}

/* All that `--samples` shows. */
static bool run_samples(struct stack *stack, struct manager *manager, bool *asked) {
	struct error err;
	bool right = samples_run(manager, stack->examples);
	right = execute_samples(stack->rest_port, stack->examples) && right;
	right = run_watched(stack, manager) && right;
	if (stack->key[0] == 0 && !run_sealed(stack, asked, &err) && !*asked) {
		(void)fprintf(stderr, "the encrypted samples: %s\n", err.message);
		right = false;
	}
	CLEANUP(mem_freep) char *registry = program_in_path("docker-registry");
	if (registry == NULL) {
		(void)puts("\n  The image sample is left out: it needs a registry, Debian's "
			   "package "
			   "docker-registry.");
	}
	return right;
}

static int use(struct stack *stack, struct manager *manager, const struct arguments *arguments,
		struct error *err) {
	bool asked = false, right = true;
	if (!stack_start_broker(stack, manager, &asked, err) ||
			!stack_start_programs(stack, manager, &asked, err)) {
		return asked ? 0 : -1;
	}
	if (!write_choice(stack, err)) {
		return -1;
	}
	if (arguments->flags[FLAG_SAMPLES] != NULL) {
		right = run_samples(stack, manager, &asked);
		if (asked) {
			return 0;
		}
	}
	welcome(stack);
	if (arguments->flags[FLAG_EXIT] == NULL) {
		tend_until_asked(stack);
		return 0;
	}
	return right ? 0 : 1;
}

static void finish(struct stack *stack) {
	CLEANUP(mem_freep)
	char *path = str_format("%s/up.json", stack->folder != NULL ? stack->folder : ".");
	if (stack->count != 0) {
		(void)fputs("\nending ...\n", stderr);
	}
	children_end(stack->children, stack->count);
	if (stack->lock >= 0 && stack->count != 0) {
		(void)unlink(path);
	}
	stack_finish(stack);
}

int up(const struct arguments *arguments, struct error *err) {
	struct stack stack = { .lock = -1 };
	struct manager manager = { 0 };
	struct arguments local = { 0 };
	int code = -1;
	signals_block();
	log_set_level(LOG_WARN);
	if (stack_choose(&stack, arguments, err)) {
		local.flags[FLAG_MANAGER] = stack.url;
		(void)fprintf(stderr, "starting in %s\n", stack.folder);
		if (manager_open(&manager, &local, err)) {
			code = use(&stack, &manager, arguments, err);
		}
		manager_close(&manager);
	}
	finish(&stack);
	return code;
}
