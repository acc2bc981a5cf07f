/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kind external: the operator's own runtime, as a subprocess, called as Propeller calls it:
 *     RUNTIME run [--invoke F] ARGS... [--env NAME]... [--dir HOST::GUEST]... FILE INPUTS...
 *
 * The task's variables are in the runtime's own environment, where other users of the machine
 * cannot see them, and `--env NAME` passes one on, as wasmtime has it. A variable by which a task
 * could steer the runtime itself (`private_names`) is not put there: it is given as Propeller
 * gives all of them, `--env NAME=VALUE`.
 *
 * Its standard output is the result. The run's memory limit is not applied: what a runtime
 * reserves of its address space says nothing about what it uses, so RLIMIT_AS would only break
 * it; an operator who needs a limit gives the runtime one (a flag in ARGS, a control group).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "engine/child.h"
#include "engine/dirs.h"
#include "engine/inside.h"
#include "engine/process.h"
#include "engine/sections.h"
#include "engine/supervise.h"

struct external_module {
	struct module module; /* first */
	char *path;
	bool known; /* what it exports: */
	struct strings exports;
};

/* The runtime's path, as execvp() would find it; NULL if there is none. */
static char *find_runtime(const char *name) {
	if (strchr(name, '/') != NULL) {
		return access(name, X_OK) == 0 ? str_copy(name) : NULL;
	}
	const char *path = getenv("PATH");
	CLEANUP(strings_finish) struct strings folders = { 0 };
	strings_split(&folders, path != NULL ? path : "/usr/bin:/bin", ':');
	for (size_t i = 0; i < folders.count; i++) {
		char *file = str_format("%s/%s", folders.items[i], name);
		if (access(file, X_OK) == 0) {
			return file;
		}
		free(file);
	}
	return NULL;
}

bool external_check(const struct engine *engine, struct error *err) {
	CLEANUP(mem_freep) char *runtime = find_runtime(engine->external);
	if (runtime == NULL) {
		return error_set(err, ERROR_NOT_FOUND,
				"the external runtime \"%s\" is not there or not executable: "
				"install it, or give "
				"its path",
				engine->external);
	}
	if (engine->folder == NULL) {
		return error_set(err, ERROR_INVALID,
				"an external runtime needs a folder for modules");
	}
	return file_make_folder(engine->folder, err);
}

static void destroy(struct module *base) {
	struct external_module *module = (struct external_module *)base;
	if (module->path != NULL) {
		(void)unlink(module->path);
	}
	free(module->path);
	strings_finish(&module->exports);
	free(module);
}

static bool write_all(int fd, struct bytes bytes) {
	for (size_t done = 0; done < bytes.size;) {
		ssize_t wrote = write(fd, bytes.data + done, bytes.size - done);
		if (wrote < 0 && errno != EINTR) {
			return false;
		}
		done += wrote > 0 ? (size_t)wrote : 0;
	}
	return true;
}

/* Not made durable: a module's file does not outlive its engine. */
static bool put_file(struct external_module *module, struct bytes wasm, struct error *err) {
	char id[UUID_SIZE];
	random_uuid(id);
	char *path = str_format("%s/%s.wasm", module->module.engine->folder, id);
	CLEANUP(file_closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		error_errno(err, errno, "making the module file %s", path);
		free(path);
		return false;
	}
	module->path = path;
	return write_all(fd, wasm) || error_errno(err, errno, "writing the module file %s", path);
}

/* How the runtime is told what to call; NULL: it takes what the module starts with. */
static bool choose(const struct external_module *module, const struct run_request *request,
		const char **invoke, struct error *err) {
	const char *const names[] = { request->name, "main", "run" };
	*invoke = request->invoke;
	if (!module->known) {
		return true;
	}
	if (*invoke != NULL) {
		return strings_has(&module->exports, *invoke) ||
		       error_set(err, ERROR_INVALID, "there is no exported function \"%.200s\"",
				       *invoke);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i] != NULL && strings_has(&module->exports, names[i])) {
			*invoke = str_equal(names[i], "_start") ? NULL : names[i];
			return true;
		}
	}
	return true; /* what a runtime does without --invoke is its own business */
}

static void add_all(struct strings *to, const struct strings *from) {
	for (size_t i = 0; from != NULL && i < from->count; i++) {
		strings_add(to, from->items[i]);
	}
}

/* Loaders, shells and interpreters listen to these, and so would a runtime built on them. */
static const char *const private_names[] = { "PATH", "HOME", "LD_", "GLIBC_", "MALLOC_", "GCONV_",
	"LOCPATH", "NLSPATH", "TMPDIR", "SHELL", "IFS", "ENV=", "BASH", "PS4", "PYTHON", "NODE",
	"NPM_", "UV_", "V8_", "PERL", "RUBY", "LUA_", "JAVA", "_JAVA", "JDK_", "CLASSPATH",
	"DOTNET", "CORECLR", "COMPlus_", "DENO_", "BUN_", "RUST", "GODEBUG", "GOTRACEBACK",
	"GOMAXPROCS", "OPENSSL_", "SSL", "WASM", "ASAN_", "LSAN_", "TSAN_", "UBSAN_" };

static bool is_private(const char *variable) {
	for (size_t i = 0; i < sizeof(private_names) / sizeof(private_names[0]); i++) {
		if (str_starts(variable, private_names[i])) {
			return true;
		}
	}
	return false;
}

static void add_variable(struct strings *words, struct strings *env, const char *variable) {
	CLEANUP(mem_freep) char *name = str_copy(variable);
	strings_add(words, "--env");
	if (is_private(variable)) {
		strings_add(words, variable);
		return;
	}
	name[strcspn(name, "=")] = 0;
	strings_add(words, name);
	strings_add(env, variable);
}

static void command_line(const struct external_module *module, const struct run_request *request,
		const char *invoke, struct strings *words, struct strings *env) {
	if (module->module.engine->self != NULL) {
		child_words(words, module->module.engine->self, "run");
	}
	strings_add(words, module->module.engine->external);
	strings_add(words, "run");
	if (invoke != NULL) {
		strings_add(words, "--invoke");
		strings_add(words, invoke);
	}
	add_all(words, request->args);
	for (size_t i = 0; request->env != NULL && i < request->env->count; i++) {
		add_variable(words, env, request->env->items[i]);
	}
	for (size_t i = 0; i < request->dir_count; i++) {
		CLEANUP(mem_freep)
		char *both = str_format("%s::%s", request->dirs[i].host, request->dirs[i].guest);
		strings_add(words, "--dir");
		strings_add(words, both);
	}
	strings_add(words, module->path);
	add_all(words, request->inputs);
}

/* What a runtime is told of a directory has to be true: it knows none that is only read. */
static bool check_dirs(
		const struct engine *engine, const struct run_request *request, struct error *err) {
	for (size_t i = 0; i < request->dir_count; i++) {
		const struct run_dir *dir = &request->dirs[i];
		CLEANUP(file_closep) int fd = dirs_open(&engine->dirs, dir, err);
		if (fd < 0) {
			return false;
		}
		if (!dir->write) {
			return error_set(err, ERROR_INVALID,
					"directory \"%.200s\": an external runtime cannot keep it "
					"read-only: ask for it with write, or use another engine",
					dir->host);
		}
	}
	return true;
}

static bool conclude(struct process_outcome *outcome, const struct run_limits *limits,
		struct run_result *result, struct error *err) {
	if (outcome->end == PROCESS_STOPPED) {
		return error_set(err, ERROR_INTERRUPTED, "the run was stopped");
	}
	if (outcome->end == PROCESS_LATE) {
		return error_set(err, ERROR_TIMEOUT,
				"the run took longer than its wall-clock limit of %llu ms",
				(unsigned long long)limits->wall_ms);
	}
	if (!WIFEXITED(outcome->status)) {
		return error_set(err, ERROR_FAILED, "the external runtime died of signal %d (%s)",
				WTERMSIG(outcome->status), strsignal(WTERMSIG(outcome->status)));
	}
	if (WEXITSTATUS(outcome->status) == SUPERVISE_FAILED &&
			str_starts(buf_text(&outcome->err), SUPERVISE_SAYS)) {
		const char *said = buf_text(&outcome->err);
		return error_set(err, ERROR_UNAVAILABLE, "%.*s", (int)strcspn(said, "\n"), said);
	}
	result->values = mem_copy("", 0);
	result->exited = true;
	result->exit_code = WEXITSTATUS(outcome->status);
	return true;
}

static bool run(struct module *base, const struct run_request *request, struct run_stop *stop,
		struct run_result *result, struct error *err) {
	struct external_module *module = (struct external_module *)base;
	const char *invoke;
	if (request->limits.gas != 0) {
		return error_set(err, ERROR_INVALID,
				"kind external cannot count gas: use another engine, or no gas "
				"limit");
	}
	if (request->limits.fuel != 0) {
		return error_set(err, ERROR_INVALID,
				"kind external cannot limit fuel: use another engine, or no fuel "
				"limit");
	}
	if (!check_dirs(base->engine, request, err) || !choose(module, request, &invoke, err)) {
		return false;
	}
	CLEANUP(strings_finish) struct strings words = { 0 }, env = { 0 };
	command_line(module, request, invoke, &words, &env);
	CLEANUP(mem_freep) char **argv = strings_argv(&words);
	struct process_request process = { .argv = argv,
		.env = &env,
		.input = request->input,
		.wall_ms = request->limits.wall_ms,
		.grace_ms = module->module.engine->self != NULL ? SUPERVISE_MS : 0,
		.stop = stop,
		.gauge = request->gauge,
		.supervisor = module->module.engine->self != NULL };
	struct process_outcome outcome = { .out = result->stdout_bytes,
		.err = result->stderr_bytes };
	if (request->started != NULL) {
		request->started(request->context);
	}
	bool ok = process_run(&process, &outcome, err);
	result->stdout_bytes = outcome.out;
	result->stderr_bytes = outcome.err;
	result->truncated = outcome.truncated;
	result->memory_bytes = outcome.memory_bytes;
	return ok && conclude(&outcome, &request->limits, result, err);
}

struct module *external_compile(struct engine *engine, struct bytes wasm, struct error *err) {
	if (engine->external == NULL) {
		error_set(err, ERROR_UNAVAILABLE,
				"there is no external runtime here: set one, or use another "
				"engine");
		return NULL;
	}
	struct external_module *module = MEM_NEW(struct external_module);
	module->module = (struct module){ .engine = engine,
		.kind = ENGINE_EXTERNAL,
		.size = wasm.size,
		.run = run,
		.destroy = destroy };
	module->known = sections_exports(wasm, &module->exports);
	if (!put_file(module, wasm, err)) {
		destroy(&module->module);
		return NULL;
	}
	return &module->module;
}
