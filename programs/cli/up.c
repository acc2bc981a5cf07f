/* SPDX-License-Identifier: Apache-2.0 */
/* `up`: broker, manager, proxy and workers on this machine, ready when it says so, gone when it
 * ends. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/version.h"
#include "cli/children.h"
#include "cli/cli.h"
#include "cli/ports.h"
#include "cli/samples.h"
#include "cli/watched.h"
#include "seal/keys.h"

enum { CHILDREN_MAX = 69, PROPLETS_MAX = 64, READY_MS = 30000, LOOK_MS = 20, PORTS_TRIED = 100 };

struct stack {
	char *folder, *programs, *url, *examples;
	const char *channel;
	uint16_t http_port, mqtt_port, proxy_port; /* 0: not chosen yet */
	uint16_t registry_port, rest_port;         /* of registry and executor; 0: none runs here */
	uint16_t grpc_port;                        /* the executor's other one */
	uint64_t proplets;
	int lock;
	char key[SEAL_KEY_TEXT_SIZE]; /* "": nothing is sealed */
	struct child children[CHILDREN_MAX];
	size_t count;
};

/* --- what is chosen ----------------------------------------------------------------------------
 */

static bool number_flag(const struct arguments *arguments, enum flag flag, const char *name,
		uint64_t min, uint64_t max, uint64_t *number, struct error *err) {
	const char *text = arguments->flags[flag];
	if (text == NULL) {
		return true;
	}
	if (!str_to_u64(text, number, err) || *number < min || *number > max) {
		return error_set(err, ERROR_INVALID, "flag --%s: a number from %llu to %llu", name,
				(unsigned long long)min, (unsigned long long)max);
	}
	return true;
}

static bool is_ours(const struct stack *stack, uint16_t port) {
	return port != 0 &&
	       (port == stack->http_port || port == stack->mqtt_port || port == stack->proxy_port ||
			       port == stack->registry_port || port == stack->rest_port ||
			       port == stack->grpc_port);
}

/* The wanted port, or the next that is free and not ours already. Neighbours come before a port of
   the kernel's choice: it chooses among those that it also gives to outgoing connections. */
static bool choose_port(const struct stack *stack, const struct arguments *arguments,
		enum flag flag, const char *name, uint64_t wanted, uint16_t *chosen,
		struct error *err) {
	if (arguments != NULL && !number_flag(arguments, flag, name, 0, 65535, &wanted, err)) {
		return false;
	}
	for (uint64_t next = wanted; next < wanted + PORTS_TRIED; next++) {
		uint16_t port = next <= 65535 ? (uint16_t)next : 0;
		if (!is_ours(stack, port) && port_free(&port) && !is_ours(stack, port)) {
			if (port != wanted && wanted != 0) {
				(void)fprintf(stderr, "port %llu is taken, using %u\n",
						(unsigned long long)wanted, port);
			}
			*chosen = port;
			return true;
		}
	}
	return error_set(err, ERROR_UNAVAILABLE, "no free port on 127.0.0.1 from %llu on",
			(unsigned long long)wanted);
}

static char *find_in_path(const char *name) {
	struct strings folders = { 0 };
	const char *path = getenv("PATH");
	char *found = NULL;
	strings_split(&folders, path != NULL ? path : "", ':');
	strings_add(&folders, "/usr/sbin");
	strings_add(&folders, "/usr/local/sbin");
	for (size_t i = 0; found == NULL && i < folders.count; i++) {
		found = str_format("%s/%s", folders.items[i], name);
		if (access(found, X_OK) != 0) {
			free(found);
			found = NULL;
		}
	}
	strings_finish(&folders);
	return found;
}

/* A registry for the image sample, where its program is installed. */
static bool choose_registry(struct stack *stack, struct error *err) {
	CLEANUP(mem_freep) char *program = find_in_path("docker-registry");
	return program == NULL ||
	       choose_port(stack, NULL, FLAGS, NULL, 5000, &stack->registry_port, err);
}

char *up_folder(void) {
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	if (state != NULL && state[0] == '/') {
		return str_format("%s/propeller/up", state);
	}
	return str_format("%s/.local/state/propeller/up", home != NULL ? home : "/tmp");
}

static char *own_folder(void) {
	char path[PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);
	while (size > 0 && path[size - 1] != '/') {
		size--;
	}
	return size > 1 ? mem_copy(path, (size_t)size - 1) : str_copy(".");
}

static char *find_examples(const struct stack *stack, const struct arguments *arguments) {
	char *tree = str_format("%s/../../examples", stack->programs);
	if (arguments->flags[FLAG_EXAMPLES] != NULL || access(tree, F_OK) != 0) {
		free(tree);
		const char *given = arguments->flags[FLAG_EXAMPLES];
		return given != NULL ? str_copy(given)
				     : str_format("%s/../share/airscrew/samples", stack->programs);
	}
	char real[PATH_MAX];
	char *found = str_copy(realpath(tree, real) != NULL ? real : tree);
	free(tree);
	return found;
}

static bool lock_folder(struct stack *stack, struct error *err) {
	CLEANUP(mem_freep) char *path = str_format("%s/lock", stack->folder);
	stack->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (stack->lock < 0) {
		return error_errno(err, errno, "making %s", path);
	}
	if (flock(stack->lock, LOCK_EX | LOCK_NB) != 0) {
		return error_set(err, ERROR_CONFLICT,
				"another `propeller-cli up` uses %s: end it, or choose another "
				"folder with --state",
				stack->folder);
	}
	return true;
}

/* Of this run alone: what it has sealed on disk, it can open again only with the same key. */
static bool make_key(struct stack *stack, struct error *err) {
	struct seal_key *key = seal_key_generate(err);
	if (key != NULL) {
		seal_key_text(key, stack->key);
	}
	seal_key_destroy(key);
	return key != NULL;
}

static bool choose(struct stack *stack, const struct arguments *arguments, struct error *err) {
	const char *given = arguments->flags[FLAG_STATE];
	CLEANUP(mem_freep) char *folder = given != NULL ? str_copy(given) : up_folder();
	char real[PATH_MAX];
	if (!file_make_folder(folder, err)) {
		return error_wrap(err, "flag --state");
	}
	stack->folder = str_copy(realpath(folder, real) != NULL ? real : folder);
	stack->programs = own_folder();
	stack->examples = find_examples(stack, arguments);
	stack->channel = "main";
	stack->proplets = 1;
	if (!lock_folder(stack, err) ||
			(arguments->flags[FLAG_ENCRYPTED] != NULL && !make_key(stack, err)) ||
			!number_flag(arguments, FLAG_PROPLETS, "proplets", 0, PROPLETS_MAX,
					&stack->proplets, err) ||
			!choose_port(stack, arguments, FLAG_MQTT_PORT, "mqtt-port", 1883,
					&stack->mqtt_port, err) ||
			!choose_port(stack, arguments, FLAG_HTTP_PORT, "http-port", 7070,
					&stack->http_port, err) ||
			!choose_port(stack, arguments, FLAG_PROXY_PORT, "proxy-port", 9191,
					&stack->proxy_port, err) ||
			!choose_port(stack, arguments, FLAG_EXECUTOR_PORT, "executor-port", 8080,
					&stack->rest_port, err) ||
			!choose_port(stack, arguments, FLAG_GRPC_PORT, "grpc-port", 50051,
					&stack->grpc_port, err) ||
			(arguments->flags[FLAG_SAMPLES] != NULL && stack->key[0] != 0 &&
					!choose_registry(stack, err))) {
		return false;
	}
	stack->url = str_format("http://127.0.0.1:%u", stack->http_port);
	return true;
}

/* --- the programs ------------------------------------------------------------------------------
 */

static char *find_program(
		const struct stack *stack, const char *name, const char *hint, struct error *err) {
	char *beside = str_format("%s/%s", stack->programs, name);
	if (access(beside, X_OK) == 0) {
		return beside;
	}
	free(beside);
	char *found = find_in_path(name);
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

static bool add_broker(struct stack *stack, struct error *err) {
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
	CLEANUP(mem_freep) char *program = find_in_path("docker-registry");
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

static bool add_programs(struct stack *stack, struct error *err) {
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

/* --- readiness ---------------------------------------------------------------------------------
 */

static bool registry_answers(struct stack *stack, struct manager *manager) {
	(void)manager;
	return port_answers(stack->registry_port);
}

static bool broker_answers(struct stack *stack, struct manager *manager) {
	(void)manager;
	return port_answers(stack->mqtt_port);
}

static bool executor_answers(struct stack *stack, struct manager *manager) {
	(void)manager;
	return port_answers(stack->rest_port);
}

static bool proxy_answers(struct stack *stack, struct manager *manager) {
	(void)manager;
	return port_answers(stack->proxy_port);
}

static bool manager_answers(struct stack *stack, struct manager *manager) {
	struct error ignored;
	(void)stack;
	return manager_call(manager, "GET", "/health", NULL, NULL, &ignored);
}

static bool proplets_alive(struct stack *stack, struct manager *manager) {
	struct error ignored;
	json_t *page = NULL;
	bool all = manager_call(manager, "GET", "/proplets?status=active&limit=1", NULL, &page,
				   &ignored) &&
		   json_integer_value(json_object_get(page, "total")) >=
				   (json_int_t)stack->proplets;
	json_decref(page);
	return all;
}

/* False when we are asked to end meanwhile, or with err at the deadline. */
static bool wait_for(struct stack *stack, struct manager *manager, const char *what,
		bool (*ready)(struct stack *stack, struct manager *manager), bool *asked,
		struct error *err) {
	uint64_t deadline = clock_ms() + READY_MS;
	(void)fprintf(stderr, "  %-10s ", what);
	while (!ready(stack, manager)) {
		(void)children_tend(stack->children, stack->count);
		if (clock_ms() >= deadline) {
			return error_set(err, ERROR_TIMEOUT,
					"%s is not ready after %d s; see the logs in %s", what,
					READY_MS / 1000, stack->folder);
		}
		if (signals_wait(LOOK_MS)) {
			*asked = true;
			return false;
		}
	}
	(void)fputs("ready\n", stderr);
	return true;
}

static bool start_range(struct stack *stack, size_t from, size_t to, struct error *err) {
	for (size_t i = from; i < to; i++) {
		if (!child_start(&stack->children[i], err)) {
			return false;
		}
	}
	return true;
}

static bool start_broker(
		struct stack *stack, struct manager *manager, bool *asked, struct error *err) {
	return add_broker(stack, err) && start_range(stack, 0, 1, err) &&
	       wait_for(stack, manager, "broker", broker_answers, asked, err);
}

static bool start_programs(
		struct stack *stack, struct manager *manager, bool *asked, struct error *err) {
	size_t first = stack->count;
	return add_programs(stack, err) && start_range(stack, first, first + 1, err) &&
	       wait_for(stack, manager, "manager", manager_answers, asked, err) &&
	       start_range(stack, first + 1, stack->count, err) &&
	       wait_for(stack, manager, "proxy", proxy_answers, asked, err) &&
	       (stack->registry_port == 0 || wait_for(stack, manager, "registry", registry_answers,
							     asked, err)) &&
	       (stack->rest_port == 0 || wait_for(stack, manager, "executor", executor_answers,
							 asked, err)) &&
	       wait_for(stack, manager, "workers", proplets_alive, asked, err);
}

/* --- what people see ---------------------------------------------------------------------------
 */

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

/* A channel of its own at the same broker: its manager, proxy and worker have a workload key, and
 * go when the samples are over. What they left on disk the next ones cannot open, and remove. */
static bool choose_sealed(struct stack *sealed, const struct stack *stack, struct error *err) {
	sealed->lock = -1;
	sealed->folder = str_format("%s/encrypted", stack->folder);
	sealed->programs = str_copy(stack->programs);
	sealed->examples = str_copy(stack->examples);
	sealed->channel = "encrypted";
	sealed->proplets = 1;
	sealed->mqtt_port = stack->mqtt_port;
	if (!file_make_folder(sealed->folder, err) || !make_key(sealed, err) ||
			!choose_port(sealed, NULL, FLAGS, NULL, 7071, &sealed->http_port, err) ||
			!choose_port(sealed, NULL, FLAGS, NULL, 9192, &sealed->proxy_port, err) ||
			!choose_registry(sealed, err)) {
		return false;
	}
	sealed->url = str_format("http://127.0.0.1:%u", sealed->http_port);
	return true;
}

static void finish_stack(struct stack *stack) {
	children_end(stack->children, stack->count);
	for (size_t i = 0; i < stack->count; i++) {
		child_finish(&stack->children[i]);
	}
	file_closep(&stack->lock);
	explicit_bzero(stack->key, sizeof(stack->key));
	free(stack->folder);
	free(stack->programs);
	free(stack->url);
	free(stack->examples);
}

static bool run_sealed(const struct stack *stack, bool *asked, struct error *err) {
	struct stack sealed = { .lock = -1 };
	struct manager manager = { 0 };
	struct arguments local = { 0 };
	(void)fputs("\nthe same under a workload key, in a channel of its own\n", stderr);
	bool ok = choose_sealed(&sealed, stack, err);
	if (ok) {
		local.flags[FLAG_MANAGER] = sealed.url;
		ok = manager_open(&manager, &local, err) &&
		     start_programs(&sealed, &manager, asked, err) &&
		     (run_watched(&sealed, &manager) ||
				     error_set(err, ERROR_INTEGRITY,
						     "an encrypted sample is wrong; see the logs "
						     "in %s",
						     sealed.folder));
	}
	manager_close(&manager);
	finish_stack(&sealed);
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
	CLEANUP(mem_freep) char *registry = find_in_path("docker-registry");
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
	if (!start_broker(stack, manager, &asked, err) ||
			!start_programs(stack, manager, &asked, err)) {
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
	(void)fputs("\nending ...\n", stderr);
	children_end(stack->children, stack->count);
	if (stack->lock >= 0 && stack->count != 0) {
		(void)unlink(path);
	}
	finish_stack(stack);
}

int up(const struct arguments *arguments, struct error *err) {
	struct stack stack = { .lock = -1 };
	struct manager manager = { 0 };
	struct arguments local = { 0 };
	int code = -1;
	signals_block();
	log_set_level(LOG_WARN);
	if (choose(&stack, arguments, err)) {
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
