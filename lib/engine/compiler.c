/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/compiler.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/child.h"
#include "engine/process.h"

enum { CODE_FD = 3, SAID_MAX = 4096, NICE = 5 };

/* What the child says on standard output: "ok DIGEST", or "CODE MESSAGE" with a slug. */
static const char said_ok[] = "ok ";
/* The words for what code is for. */
static const char *const uses[TIER_USES] = { "plain", "metered", "call", "odd-call" };

static const char no_memory[] = "(os error 12)"; /* ENOMEM, as Rust tells it */

/* --- the child ---------------------------------------------------------------------------------
 */

/* `more` is how far the hard limit lies above: at the soft one of CPU time SIGXCPU tells why. */
static bool limit(enum __rlimit_resource resource, uint64_t most, uint64_t more) {
	const struct rlimit value = { most, most + more };
	return setrlimit(resource, &value) == 0;
}

/* No core dump of somebody's module; no more code than memory; and no limit of addresses where a
 * sanitizer needs them all. */
static bool limit_child(uint64_t memory, uint64_t cpu_seconds, struct error *err) {
	(void)setpriority(PRIO_PROCESS, 0, NICE);
	bool ok = prctl(PR_SET_DUMPABLE, 0) == 0 && limit(RLIMIT_CORE, 0, 0) &&
		  (cpu_seconds == 0 || limit(RLIMIT_CPU, cpu_seconds, 10)) &&
		  (memory == 0 || limit(RLIMIT_FSIZE, memory, 0));
#ifndef SANITIZED
	ok = ok && (memory == 0 || limit(RLIMIT_AS, memory, 0));
#endif
	return ok || error_errno(err, errno, "limiting the compiler");
}

static bool map_module(struct bytes *wasm, struct error *err) {
	struct stat info;
	if (fstat(STDIN_FILENO, &info) != 0 || info.st_size == 0) {
		return error_errno(err, errno, "looking at the module");
	}
	void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, STDIN_FILENO, 0);
	if (data == MAP_FAILED) {
		return error_errno(err, errno, "mapping the module");
	}
	*wasm = (struct bytes){ data, (size_t)info.st_size };
	return true;
}

static bool write_code(const wasm_byte_vec_t *code, struct error *err) {
	for (size_t done = 0; done < code->size;) {
		ssize_t put = write(CODE_FD, code->data + done, code->size - done);
		if (put < 0 && errno != EINTR) {
			return error_errno(err, errno, "writing the code");
		}
		done += put > 0 ? (size_t)put : 0;
	}
	return true;
}

static bool give_code(const struct tier *tier, struct bytes wasm, char digest[DIGEST_HEX_SIZE],
		struct engine *engine, enum engine_kind kind, struct error *err) {
	struct code code;
	wasm_byte_vec_t bytes;
	if (!tier_compile(engine, tier, kind, wasm, &code, err)) {
		return false;
	}
	wasmtime_error_t *error =
			code.module != NULL ? wasmtime_module_serialize(code.module, &bytes)
					    : wasmtime_component_serialize(code.component, &bytes);
	if (error != NULL) {
		return module_set_error(error, err, "the code cannot be written down");
	}
	digest_hex((const uint8_t *)bytes.data, bytes.size, digest);
	return write_code(&bytes, err);
}

static bool read_kind(const char *name, const char *use, struct module_kind *kind) {
	for (int i = 0; i < TIER_USES; i++) {
		if (str_equal(use, uses[i])) {
			kind->use = (enum tier_use)i;
			return engine_kind_parse(name, &kind->kind);
		}
	}
	return false;
}

static bool compile(const char *name, const char *use, char digest[DIGEST_HEX_SIZE],
		struct error *err) {
	struct module_kind kind;
	struct tier tier;
	struct bytes wasm;
	struct engine *engine = read_kind(name, use, &kind) ? engine_create(NULL, err) : NULL;
	return engine != NULL && map_module(&wasm, err) && tier_get(engine, &kind, &tier, err) &&
	       give_code(&tier, wasm, digest, engine, kind.kind, err);
}

int compiler_child(int argc, char **argv) {
	struct error err = { .code = ERROR_INTERNAL };
	char digest[DIGEST_HEX_SIZE];
	if (argc != 4) {
		return 2;
	}
	bool ok = limit_child(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10), &err) &&
		  compile(argv[0], argv[1], digest, &err);
	(void)printf("%s%s", ok ? said_ok : "", ok ? digest : "");
	if (!ok) {
		(void)printf("%s %s", error_slug(err.code), err.message);
	}
	(void)fflush(stdout);
	_exit(0); /* tearing gigabytes down takes time that nobody has use for */
}

/* --- the parent --------------------------------------------------------------------------------
 */

static bool too_much_memory(const struct engine *engine, struct error *err) {
	CLEANUP(mem_freep)
	char *most = engine->compile_memory_bytes == 0
				     ? str_copy("there is")
				     : str_format("%llu bytes of memory",
						       (unsigned long long)engine
								       ->compile_memory_bytes);
	return error_set(err, ERROR_NO_MEMORY,
			"compiling the module takes more than %s: engine singlepass takes less",
			most);
}

/* What the child said of the module, as if it had been compiled here. */
static bool take_refusal(const struct engine *engine, const char *said, struct error *err) {
	const char *space = strchr(said, ' ');
	if (strstr(said, no_memory) != NULL) {
		return too_much_memory(engine, err);
	}
	if (space == NULL) {
		return error_set(err, ERROR_INTERNAL, "the compiler said nothing");
	}
	CLEANUP(mem_freep) char *slug = mem_copy(said, (size_t)(space - said));
	return error_set(err, error_from_slug(slug), "%s", space + 1);
}

/* Rust aborts when an allocation fails, the kernel kills; the code file ends with SIGXFSZ. */
static bool out_of_memory(const struct process_outcome *outcome) {
	int number = WTERMSIG(outcome->status);
	return number == SIGABRT || number == SIGKILL || number == SIGXFSZ;
}

static bool died(const struct engine *engine, const struct process_outcome *outcome,
		struct error *err) {
	if (outcome->end == PROCESS_STOPPED) {
		return error_set(err, ERROR_INTERRUPTED, "stopped while the module was compiled");
	}
	if (WIFSIGNALED(outcome->status) && WTERMSIG(outcome->status) == SIGXCPU) {
		return error_set(err, ERROR_TIMEOUT,
				"compiling the module takes more than %llu seconds of CPU time: "
				"engine singlepass compiles faster",
				(unsigned long long)engine->compile_cpu_seconds);
	}
	if (WIFSIGNALED(outcome->status) && out_of_memory(outcome)) {
		return too_much_memory(engine, err);
	}
	return error_set(err, ERROR_INTERNAL, "the compiler ended with status %d", outcome->status);
}

/* Nobody can change the file after this; then it is what it was promised to be, or not taken. */
static bool check_code(int fd, const char *digest, struct error *err) {
	char is[DIGEST_HEX_SIZE];
	struct stat info;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0 ||
			fstat(fd, &info) != 0 || info.st_size == 0) {
		return error_errno(err, errno, "sealing the code");
	}
	void *code = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (code == MAP_FAILED) {
		return error_errno(err, errno, "mapping the code");
	}
	digest_hex(code, (size_t)info.st_size, is);
	(void)munmap(code, (size_t)info.st_size);
	return strcmp(is, digest) == 0 ||
	       error_set(err, ERROR_INTEGRITY, "the code is not what the compiler made");
}

static bool load_code(const struct tier *tier, int fd, bool component, struct code *code,
		struct error *err) {
	CLEANUP(mem_freep) char *path = str_format("/proc/self/fd/%d", fd);
	*code = (struct code){ 0 };
	wasmtime_error_t *error = component ? wasmtime_component_deserialize_file(
							      tier->wasm, path, &code->component)
					    : wasmtime_module_deserialize_file(
							      tier->wasm, path, &code->module);
	return error == NULL || module_set_error(error, err, "the code cannot be loaded");
}

/* True if the child says that the code is in the file; then *digest is in what it said. */
static bool took_place(const struct engine *engine, struct process_outcome *outcome,
		const char **digest, struct error *err) {
	const char *said = buf_text(&outcome->out);
	if (outcome->end != PROCESS_ENDED || !WIFEXITED(outcome->status) ||
			WEXITSTATUS(outcome->status) != 0) {
		return died(engine, outcome, err);
	}
	if (!str_starts(said, said_ok)) {
		return take_refusal(engine, said, err);
	}
	*digest = said + strlen(said_ok);
	return true;
}

static void command_line(const struct engine *engine, const struct module_kind *kind,
		struct strings *words) {
	CLEANUP(mem_freep)
	char *memory = str_format("%llu", (unsigned long long)engine->compile_memory_bytes);
	CLEANUP(mem_freep)
	char *cpu = str_format("%llu", (unsigned long long)engine->compile_cpu_seconds);
	child_words(words, engine->self, "compile");
	strings_add(words, engine_kind_name(kind->kind));
	strings_add(words, uses[kind->use]);
	strings_add(words, memory);
	strings_add(words, cpu);
}

bool compiler_run(struct engine *engine, const struct tier *tier, const struct module_kind *kind,
		const struct module_text *text, struct run_stop *stop, struct code *code,
		struct error *err) {
	CLEANUP(file_closep) int fd = memfd_create("code", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0) {
		return error_errno(err, errno, "making a memory file");
	}
	CLEANUP(strings_finish) struct strings words = { 0 };
	command_line(engine, kind, &words);
	CLEANUP(mem_freep) char **argv = strings_argv(&words);
	const struct process_request request = { .argv = argv,
		.input = text->bytes,
		.input_fd = text->file,
		.stop = stop,
		.extra_fd = fd };
	struct process_outcome outcome = { .out = BUF_INIT(SAID_MAX), .err = BUF_INIT(SAID_MAX) };
	const char *digest = "";
	bool ok = process_run(&request, &outcome, err) &&
		  took_place(engine, &outcome, &digest, err) && check_code(fd, digest, err) &&
		  load_code(tier, fd, component_is(text->bytes), code, err);
	buf_finish(&outcome.out);
	buf_finish(&outcome.err);
	return ok;
}
