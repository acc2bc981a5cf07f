/* SPDX-License-Identifier: Apache-2.0 */
/* The programs of `up`, and what each of them is told. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/stack.h"

static char *find_program(
		const struct stack *stack, const char *name, const char *hint, struct error *err) {
	char *beside = str_format("%s/%s", stack->programs, name);
	if (access(beside, X_OK) == 0) {
		return beside;
	}
	free(beside);
	char *found = program_in_path(name);
	if (found == NULL) {
		error_set(err, ERROR_NOT_FOUND, "%s is not installed: %s", name, hint);
	}
	return found;
}

static struct child *add_child(struct stack *stack, const char *name, const char *program) {
	struct child *child = &stack->children[stack->count++];
	child->name = str_copy(name);
	child->log = str_format("%s/%s.log", stack->folder, name);
	strings_add(&child->argv, program);
	return child;
}

static void add_env(struct child *child, const char *name, const char *value) {
	CLEANUP(mem_freep) char *pair = str_format("%s=%s", name, value);
	strings_add(&child->env, pair);
}

static void add_bus_env(struct child *child, const struct stack *stack, const char *prefix,
		const char *id) {
	CLEANUP(mem_freep) char *broker = str_format("tcp://127.0.0.1:%u", stack->mqtt_port);
	const char *const values[][2] = { { "DOMAIN_ID", "local" },
		{ "CHANNEL_ID", stack->channel }, { "CLIENT_ID", id }, { "MQTT_ADDRESS", broker } };
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		CLEANUP(mem_freep) char *name = str_format("%s_%s", prefix, values[i][0]);
		add_env(child, name, values[i][1]);
	}
	if (stack->key[0] != 0) {
		CLEANUP(mem_freep) char *name = str_format("%s_WORKLOAD_KEY", prefix);
		add_env(child, name, stack->key);
	}
	/* A settings file that lies here by chance is for some other stack. */
	strings_add(&child->argv, "--config=");
}

/* The user's own environment counts for the log level, the external runtime, whether compiled code
 * is kept, and the proxy's registries; for nothing else. */
static void pass_env(struct child *child, const char *name) {
	const char *value = getenv(name);
	if (value != NULL) {
		add_env(child, name, value);
	}
}

bool stack_add_broker(struct stack *stack, struct error *err) {
	CLEANUP(mem_freep) char *path = str_format("%s/mosquitto.conf", stack->folder);
	CLEANUP(mem_freep)
	char *text = str_format("listener %u 127.0.0.1\nallow_anonymous true\n"
				"set_tcp_nodelay true\nmax_inflight_messages "
				"1000\nmax_queued_messages 100000\n"
				"persistence false\nconnection_messages false\n%s",
			stack->mqtt_port, getuid() == 0 ? "user root\n" : "");
	CLEANUP(mem_freep)
	char *program = find_program(stack, "mosquitto", "apt-get install mosquitto", err);
	if (program == NULL || !file_write(path, text, strlen(text), 0600, err)) {
		return false;
	}
	struct child *child = add_child(stack, "mosquitto", program);
	strings_add(&child->argv, "-c");
	strings_add(&child->argv, path);
	return true;
}

/* Of this run alone, as its key: nobody could open what the last one has left. */
static void add_database(struct child *child, const char *folder) {
	static const char *const ends[] = { "", "-wal", "-shm" };
	CLEANUP(mem_freep) char *path = str_format("%s/encrypted.db", folder);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		CLEANUP(mem_freep) char *file = str_format("%s%s", path, ends[i]);
		(void)unlink(file);
	}
	add_env(child, "MANAGER_SQLITE_PATH", path);
}

static bool add_manager(struct stack *stack, struct error *err) {
	CLEANUP(mem_freep) char *folder = str_format("%s/manager", stack->folder);
	CLEANUP(mem_freep) char *port = str_format("%u", stack->http_port);
	CLEANUP(mem_freep)
	char *program = find_program(stack, "propeller-manager", "build it with `make`", err);
	if (program == NULL) {
		return false;
	}
	struct child *child = add_child(stack, "manager", program);
	add_bus_env(child, stack, "MANAGER", "manager");
	add_env(child, "MANAGER_HTTP_HOST", "127.0.0.1");
	add_env(child, "MANAGER_HTTP_PORT", port);
	add_env(child, "MANAGER_STATE_DIR", folder);
	if (stack->key[0] != 0) {
		add_database(child, folder);
	}
	pass_env(child, "MANAGER_LOG_LEVEL");
	return true;
}

/* The user's registries, and that of the samples. */
static void add_plain_http(struct child *child, const struct stack *stack) {
	const char *given = getenv("PROXY_PLAIN_HTTP");
	if (stack->registry_port == 0) {
		pass_env(child, "PROXY_PLAIN_HTTP");
		return;
	}
	CLEANUP(mem_freep)
	char *value = str_format("%s%s127.0.0.1:%u", given != NULL ? given : "",
			given != NULL && given[0] != 0 ? "," : "", stack->registry_port);
	add_env(child, "PROXY_PLAIN_HTTP", value);
}

static bool add_proxy(struct stack *stack, struct error *err) {
	static const char *const passed[] = { "PROXY_LOG_LEVEL", "PROXY_REGISTRY_URL",
		"PROXY_REGISTRY_USERNAME", "PROXY_REGISTRY_PASSWORD",
		"PROXY_REGISTRY_PASSWORD_FILE", "PROXY_REGISTRY_TOKEN", "PROXY_REGISTRY_TOKEN_FILE",
		"PROXY_REGISTRY_CONFIG", "PROXY_REGISTRY_CA" };
	CLEANUP(mem_freep) char *port = str_format("%u", stack->proxy_port);
	CLEANUP(mem_freep)
	char *program = find_program(stack, "propeller-proxy", "build it with `make`", err);
	if (program == NULL) {
		return false;
	}
	struct child *child = add_child(stack, "proxy", program);
	add_bus_env(child, stack, "PROXY", "proxy");
	add_env(child, "PROXY_HTTP_HOST", "127.0.0.1");
	add_env(child, "PROXY_HTTP_PORT", port);
	add_env(child, "PROXY_STATE_DIR", stack->folder);
	add_plain_http(child, stack);
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
		pass_env(child, passed[i]);
	}
	return true;
}

static bool add_proplet(struct stack *stack, unsigned number, struct error *err) {
	CLEANUP(mem_freep) char *id = str_format("proplet-%u", number);
	CLEANUP(mem_freep) char *folder = str_format("%s/%s", stack->folder, id);
	CLEANUP(mem_freep)
	char *program = find_program(stack, "proplet", "build it with `make`", err);
	if (program == NULL || !file_make_folder(folder, err)) {
		return false;
	}
	struct child *child = add_child(stack, id, program);
	add_bus_env(child, stack, "PROPLET", id);
	add_env(child, "PROPLET_STATE_DIR", folder);
	add_env(child, "PROPLET_MQTT_TIMEOUT", "3");
	pass_env(child, "PROPLET_LOG_LEVEL");
	pass_env(child, "PROPLET_EXTERNAL_WASM_RUNTIME");
	pass_env(child, "PROPLET_CACHE_DECRYPTED");
	pass_env(child, "PROPLET_MODULE_MAX");
	pass_env(child, "PROPLET_PULL_TIMEOUT");
	return true;
}

/* For the samples: it keeps what it gets in memory. It is Debian's, and not everybody has it. */
static bool add_registry(struct stack *stack, struct error *err) {
	CLEANUP(mem_freep) char *path = str_format("%s/registry.json", stack->folder);
	CLEANUP(mem_freep)
	char *text = str_format("{\"version\":0.1,\"log\":{\"level\":\"error\"},"
				"\"storage\":{\"inmemory\":{}},"
				"\"http\":{\"addr\":\"127.0.0.1:%u\"}}\n",
			stack->registry_port); /* YAML, too */
	CLEANUP(mem_freep) char *program = program_in_path("docker-registry");
	if (program == NULL || !file_write(path, text, strlen(text), 0600, err)) {
		return program == NULL;
	}
	struct child *child = add_child(stack, "registry", program);
	strings_add(&child->argv, "serve");
	strings_add(&child->argv, path);
	add_env(child, "OTEL_TRACES_EXPORTER", "none");
	return true;
}

/* Nobody's hardware vouches for what runs on a desk: the sample attester says so in each answer. */
static bool add_executor(struct stack *stack, struct error *err) {
	CLEANUP(mem_freep) char *rest = str_format("%u", stack->rest_port);
	CLEANUP(mem_freep) char *grpc = str_format("%u", stack->grpc_port);
	CLEANUP(mem_freep)
	char *program = find_program(stack, "propeller-executor", "build it with `make`", err);
	if (program == NULL) {
		return false;
	}
	struct child *child = add_child(stack, "executor", program);
	add_env(child, "EXECUTOR_HTTP_HOST", "127.0.0.1");
	add_env(child, "EXECUTOR_HTTP_PORT", rest);
	add_env(child, "EXECUTOR_GRPC_HOST", "127.0.0.1");
	add_env(child, "EXECUTOR_GRPC_PORT", grpc);
	add_env(child, "EXECUTOR_ATTESTER", "sample");
	strings_add(&child->argv, "--config=");
	pass_env(child, "EXECUTOR_LOG_LEVEL");
	return true;
}

bool stack_add_programs(struct stack *stack, struct error *err) {
	if (!add_manager(stack, err) || !add_proxy(stack, err) ||
			(stack->registry_port != 0 && !add_registry(stack, err)) ||
			(stack->rest_port != 0 && !add_executor(stack, err))) {
		return false;
	}
	for (unsigned i = 1; i <= stack->proplets; i++) {
		if (!add_proplet(stack, i, err)) {
			return false;
		}
	}
	return true;
}
