/* SPDX-License-Identifier: Apache-2.0 */
/* What `up` chooses before it starts anything: folder, ports, key, programs. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/ports.h"
#include "cli/stack.h"
#include "cli/tables.h"

enum { PORTS_TRIED = 100 };

/* From 0 to max; a flag that is not given changes nothing. */
static bool number_flag(const struct arguments *arguments, enum flag flag, uint64_t max,
		uint64_t *number, struct error *err) {
	const char *text = arguments->flags[flag];
	return text == NULL || (str_to_u64(text, number, err) && *number <= max) ||
	       error_set(err, ERROR_INVALID, "flag --%s: a number from 0 to %llu",
			       flag_rows[flag].name, (unsigned long long)max);
}

static bool is_ours(const struct stack *stack, uint16_t port) {
	return port != 0 &&
	       (port == stack->http_port || port == stack->mqtt_port || port == stack->proxy_port ||
			       port == stack->registry_port || port == stack->rest_port ||
			       port == stack->grpc_port);
}

/* The wanted port, or the next that is free and not ours already. Neighbours come before a port of
   the kernel's choice: it chooses among those that it also gives to outgoing connections. */
static bool choose_port(
		const struct stack *stack, uint64_t wanted, uint16_t *chosen, struct error *err) {
	for (uint64_t next = wanted; next < wanted + PORTS_TRIED; next++) {
		uint16_t port = next <= 65535 ? (uint16_t)next : 0;
		if (!is_ours(stack, port) && port_free(&port) && !is_ours(stack, port) &&
				port_claim(port)) {
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

/* In the order in which they are asked for. */
static bool choose_ports(
		struct stack *stack, const struct arguments *arguments, struct error *err) {
	const struct {
		enum flag flag;
		uint16_t usual;
		uint16_t *chosen;
	} ports[] = {
		{ FLAG_MQTT_PORT, 1883, &stack->mqtt_port },
		{ FLAG_HTTP_PORT, 7070, &stack->http_port },
		{ FLAG_PROXY_PORT, 9191, &stack->proxy_port },
		{ FLAG_EXECUTOR_PORT, 8080, &stack->rest_port },
		{ FLAG_GRPC_PORT, 50051, &stack->grpc_port },
	};
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		uint64_t wanted = ports[i].usual;
		if (!number_flag(arguments, ports[i].flag, 65535, &wanted, err) ||
				!choose_port(stack, wanted, ports[i].chosen, err)) {
			return false;
		}
	}
	return true;
}

char *program_in_path(const char *name) {
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
	CLEANUP(mem_freep) char *program = program_in_path("docker-registry");
	return program == NULL || choose_port(stack, 5000, &stack->registry_port, err);
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

bool stack_choose(struct stack *stack, const struct arguments *arguments, struct error *err) {
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
	bool encrypted = arguments->flags[FLAG_ENCRYPTED] != NULL;
	bool sampled = arguments->flags[FLAG_SAMPLES] != NULL;
	if (!lock_folder(stack, err) || (encrypted && !make_key(stack, err)) ||
			!number_flag(arguments, FLAG_PROPLETS, PROPLETS_MAX, &stack->proplets,
					err) ||
			!choose_ports(stack, arguments, err) ||
			(encrypted && sampled && !choose_registry(stack, err))) {
		return false;
	}
	stack->url = str_format("http://127.0.0.1:%u", stack->http_port);
	return true;
}

bool stack_choose_sealed(struct stack *sealed, const struct stack *stack, struct error *err) {
	sealed->lock = -1;
	sealed->folder = str_format("%s/encrypted", stack->folder);
	sealed->programs = str_copy(stack->programs);
	sealed->examples = str_copy(stack->examples);
	sealed->channel = "encrypted";
	sealed->proplets = 1;
	sealed->mqtt_port = stack->mqtt_port;
	if (!file_make_folder(sealed->folder, err) || !make_key(sealed, err) ||
			!choose_port(sealed, 7071, &sealed->http_port, err) ||
			!choose_port(sealed, 9192, &sealed->proxy_port, err) ||
			!choose_registry(sealed, err)) {
		return false;
	}
	sealed->url = str_format("http://127.0.0.1:%u", sealed->http_port);
	return true;
}
