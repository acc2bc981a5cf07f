/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The official suite of WebAssembly, in every mode of this process, plain and metered.
 *
 *   spectest FOLDER EXCLUDED [FILE...]     FILE: "i32.json"; without any, all of the folder
 *
 * EXCLUDED names what does not pass and why; it must be exact: a case in it that passes, and one
 * that fails without being in it, are failures. Commands for a module that is excluded are counted
 * and not listed. The gas of the calls must be the same in every mode.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "excluded.h"
#include "match.h"
#include "world.h"

enum { FILE_MAX = 64 * 1024 * 1024, VALUES_MAX = 64, SETUPS = 6, SAID_MAX = 400 };

/* How many fewer commands than version 1.9.0 of the carrier has would prove nothing. */
enum { FEWEST_COMMANDS = 53000 };

enum verdict { PASSED, FAILED, TEXT, ORPHAN };

/* One file in one setup. */
struct trial {
	struct suite *suite;
	const char *file;
	struct world *world;
	char said[SAID_MAX]; /* why a command failed */
};

struct counts {
	size_t passed, text, orphans, excluded, failed;
};

struct gas {
	uint64_t *each;
	size_t count;
};

struct suite {
	const char *folder;
	struct excluded *excluded;
	struct setup setup; /* the one at work */
	struct counts counts;
	struct gas gas[SETUPS];
	size_t wrong; /* failures in all setups */
	int argc;
	char **argv;
};

static const char *word(const json_t *json, const char *name) {
	return json_string_value(json_object_get(json, name));
}

static enum verdict fail(struct trial *trial, const char *format, const char *what) {
	(void)snprintf(trial->said, sizeof(trial->said), format, what);
	return FAILED;
}

static void read_module(const struct trial *trial, const json_t *command, struct buf *wasm) {
	struct error err;
	const char *name = word(command, "filename");
	CLEANUP(mem_freep)
	char *path = str_format("%s/%s", trial->suite->folder, name != NULL ? name : "");
	*wasm = BUF_INIT(FILE_MAX);
	if (!file_read(path, wasm, &err)) {
		(void)fprintf(stderr, "%s\n", err.message);
		abort();
	}
}

/* --- what the commands of the suite say --------------------------------------------------------
 */

static void load(struct trial *trial, const json_t *command, struct outcome *outcome) {
	CLEANUP(buf_finish) struct buf wasm;
	read_module(trial, command, &wasm);
	world_load(trial->world, (struct bytes){ wasm.data, wasm.size }, word(command, "name"),
			outcome);
}

static enum verdict module(struct trial *trial, const json_t *command) {
	struct outcome outcome;
	load(trial, command, &outcome);
	switch (outcome.kind) {
	case OUTCOME_BROKEN: return fail(trial, "the module: %s", outcome.err.message);
	case OUTCOME_TRAPPED: return fail(trial, "the start: %s", trap_name(outcome.trap));
	case OUTCOME_RETURNED: break;
	}
	return PASSED;
}

static enum verdict do_register(struct trial *trial, const json_t *command) {
	if (!world_has(trial->world, word(command, "name"))) {
		return ORPHAN;
	}
	return world_register(trial->world, word(command, "name"), word(command, "as"))
			       ? PASSED
			       : fail(trial, "%s", "cannot be registered");
}

/* PASSED if the action took place, whatever came of it. */
static enum verdict act(struct trial *trial, const json_t *command, struct outcome *outcome) {
	const json_t *json = json_object_get(command, "action");
	const json_t *args = json_object_get(json, "args");
	wasmtime_val_t values[VALUES_MAX];
	struct action action = { .module = word(json, "module"),
		.field = word(json, "field"),
		.field_size = json_string_length(json_object_get(json, "field")),
		.get = str_equal(word(json, "type"), "get"),
		.values = values,
		.count = json_array_size(args) };
	if (!world_has(trial->world, action.module)) {
		return ORPHAN;
	}
	for (size_t i = 0; i < action.count && i < VALUES_MAX; i++) {
		if (!value_of_json(json_array_get(args, i), &values[i])) {
			return fail(trial, "%s", "an argument that cannot be passed");
		}
	}
	world_act(trial->world, &action, outcome);
	return outcome->kind == OUTCOME_BROKEN ? fail(trial, "%s", outcome->err.message) : PASSED;
}

static enum verdict action(struct trial *trial, const json_t *command) {
	struct outcome outcome;
	enum verdict verdict = act(trial, command, &outcome);
	return verdict != PASSED || outcome.kind == OUTCOME_RETURNED
			       ? verdict
			       : fail(trial, "trap: %s", trap_name(outcome.trap));
}

static enum verdict assert_return(struct trial *trial, const json_t *command) {
	struct outcome outcome;
	const json_t *expected = json_object_get(command, "expected");
	enum verdict verdict = act(trial, command, &outcome);
	if (verdict != PASSED) {
		return verdict;
	}
	if (outcome.kind == OUTCOME_TRAPPED) {
		return fail(trial, "trap: %s", trap_name(outcome.trap));
	}
	if (outcome.count != json_array_size(expected)) {
		return fail(trial, "%s", "another number of results");
	}
	for (size_t i = 0; i < outcome.count; i++) {
		if (!value_matches(json_array_get(expected, i), &outcome.values[i])) {
			char shown[64];
			value_show(&outcome.values[i], shown, sizeof(shown));
			return fail(trial, "it gives %s", shown);
		}
	}
	return PASSED;
}

/* The suite's words for a trap and ours, which are the same but for two. */
static bool trap_matches(const char *text, enum trap_kind kind) {
	if (str_equal(text, "out of bounds table access")) {
		return kind == TRAP_UNDEFINED_ELEMENT;
	}
	const char *name = trap_name(kind);
	return kind != TRAP_NONE && str_starts(text, name); /* "uninitialized element 2" */
}

static enum verdict judge_trap(
		struct trial *trial, const json_t *command, const struct outcome *outcome) {
	if (outcome->kind != OUTCOME_TRAPPED) {
		return fail(trial, "%s", "it returns");
	}
	return trap_matches(word(command, "text"), outcome->trap)
			       ? PASSED
			       : fail(trial, "another trap: %s", trap_name(outcome->trap));
}

static enum verdict assert_trap(struct trial *trial, const json_t *command) {
	struct outcome outcome;
	enum verdict verdict = act(trial, command, &outcome);
	return verdict == PASSED ? judge_trap(trial, command, &outcome) : verdict;
}

/* Invalid and malformed ones alike: a validator that reads the bytes does not tell them apart. */
static enum verdict assert_refused(struct trial *trial, const json_t *command) {
	struct error err;
	CLEANUP(buf_finish) struct buf wasm = { 0 };
	if (str_equal(word(command, "module_type"), "text")) {
		return TEXT;
	}
	read_module(trial, command, &wasm);
	return world_validate(trial->world, (struct bytes){ wasm.data, wasm.size }, &err)
			       ? fail(trial, "%s", "it is accepted")
			       : PASSED;
}

static enum verdict assert_unlinkable(struct trial *trial, const json_t *command) {
	struct outcome outcome;
	load(trial, command, &outcome);
	return outcome.kind == OUTCOME_BROKEN ? PASSED : fail(trial, "%s", "it links");
}

static enum verdict assert_uninstantiable(struct trial *trial, const json_t *command) {
	struct outcome outcome;
	load(trial, command, &outcome);
	return outcome.kind == OUTCOME_BROKEN ? fail(trial, "%s", outcome.err.message)
					      : judge_trap(trial, command, &outcome);
}

static enum verdict judge(struct trial *trial, const json_t *command) {
	static const struct {
		const char *type;
		enum verdict (*judge)(struct trial *trial, const json_t *command);
	} commands[] = {
		{ "module", module },
		{ "register", do_register },
		{ "action", action },
		{ "assert_return", assert_return },
		{ "assert_trap", assert_trap },
		{ "assert_exhaustion", assert_trap },
		{ "assert_invalid", assert_refused },
		{ "assert_malformed", assert_refused },
		{ "assert_unlinkable", assert_unlinkable },
		{ "assert_uninstantiable", assert_uninstantiable },
	};
	const char *type = word(command, "type");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (str_equal(type, commands[i].type)) {
			return commands[i].judge(trial, command);
		}
	}
	return fail(trial, "an unknown command: %s", type);
}

/* --- counting ----------------------------------------------------------------------------------
 */

static void count(struct trial *trial, const json_t *command, enum verdict verdict) {
	struct suite *suite = trial->suite;
	struct counts *counts = &suite->counts;
	int line = (int)json_integer_value(json_object_get(command, "line"));
	if (verdict != FAILED) {
		counts->passed += verdict == PASSED;
		counts->text += verdict == TEXT;
		counts->orphans += verdict == ORPHAN;
	} else if (excluded_take(suite->excluded, trial->file, line, &suite->setup)) {
		counts->excluded++;
	} else {
		counts->failed++;
		(void)printf("%s:%d %s %s: %s\n", trial->file, line,
				engine_kind_name(suite->setup.kind),
				suite->setup.metered ? "metered" : "plain", trial->said);
	}
}

static void keep_gas(struct gas *gas, const struct world *world) {
	size_t more;
	const uint64_t *each = world_gas(world, &more);
	gas->each = mem_resize(gas->each, gas->count + more + 1, sizeof(*gas->each));
	if (more > 0) {
		memcpy(gas->each + gas->count, each, more * sizeof(*each));
	}
	gas->count += more;
}

static void run_file(struct suite *suite, const char *file, struct gas *gas) {
	CLEANUP(mem_freep) char *path = str_format("%s/%s", suite->folder, file);
	json_error_t why;
	json_t *json = json_load_file(path, JSON_ALLOW_NUL, &why);
	struct trial trial = { .suite = suite, .file = file, .world = world_create(&suite->setup) };
	if (json == NULL) {
		(void)printf("%s:%d %s\n", file, why.line, why.text);
		suite->counts.failed++;
	}
	const json_t *commands = json_object_get(json, "commands");
	for (size_t i = 0; i < json_array_size(commands); i++) {
		const json_t *command = json_array_get(commands, i);
		count(&trial, command, judge(&trial, command));
	}
	keep_gas(gas, trial.world);
	json_decref(json);
	world_destroy(trial.world);
}

static void run_files(struct suite *suite, const struct strings *files, struct gas *gas) {
	suite->counts = (struct counts){ 0 };
	for (size_t i = 0; i < files->count; i++) {
		run_file(suite, files->items[i], gas);
	}
	const struct counts *c = &suite->counts;
	(void)printf("# %s, %s: %zu passed, %zu excluded and %zu that follow them, %zu of the text "
		     "format, %zu failed\n",
			engine_kind_name(suite->setup.kind),
			suite->setup.metered ? "metered" : "plain", c->passed, c->excluded,
			c->orphans, c->text, c->failed);
	(void)fflush(stdout);
	suite->wrong += c->failed;
	size_t all = c->passed + c->excluded + c->orphans + c->text + c->failed;
	if (suite->argc == 3 && all < FEWEST_COMMANDS) {
		(void)printf("there are only %zu commands\n", all);
		suite->wrong++;
	}
}

/* --- the whole ---------------------------------------------------------------------------------
 */

static int by_text(const void *a, const void *b) {
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_files(const struct suite *suite, struct strings *files) {
	for (int i = 3; i < suite->argc; i++) {
		strings_add(files, suite->argv[i]);
	}
	DIR *folder = suite->argc == 3 ? opendir(suite->folder) : NULL;
	for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
		if (str_ends(entry->d_name, ".json")) {
			strings_add(files, entry->d_name);
		}
	}
	if (folder != NULL) {
		closedir(folder);
	}
	qsort(files->items, files->count, sizeof(*files->items), by_text);
}

/* Each metered mode has used as much as the first one, call by call. */
static void compare_gas(struct suite *suite) {
	const struct gas *first = NULL;
	for (int i = 0; i < SETUPS; i++) {
		const struct gas *gas = &suite->gas[i];
		if (gas->count == 0 || i % 2 == 0) {
			continue;
		}
		first = first == NULL ? gas : first;
		if (gas->count != first->count ||
				memcmp(gas->each, first->each, gas->count * sizeof(*gas->each)) !=
						0) {
			(void)printf("the gas of calls differs from mode to mode\n");
			suite->wrong++;
		}
	}
	(void)printf("# gas of %zu calls compared\n", first != NULL ? first->count : 0);
}

static void *run(void *context) {
	static const enum engine_kind kinds[] = { ENGINE_MULTIPASS, ENGINE_SINGLEPASS,
		ENGINE_INTERP };
	struct suite *suite = context;
	struct error err;
	CLEANUP(strings_finish) struct strings files = { 0 };
	list_files(suite, &files);
	suite->setup.engine = engine_create(NULL, &err);
	if (suite->setup.engine == NULL) {
		(void)fprintf(stderr, "%s\n", err.message);
		return NULL;
	}
	for (int i = 0; i < SETUPS; i++) {
		suite->setup.kind = kinds[i / 2];
		suite->setup.metered = i % 2 != 0;
		run_files(suite, &files, &suite->gas[i]);
	}
	compare_gas(suite);
	if (suite->argc == 3) {
		suite->wrong += excluded_rest(suite->excluded);
	}
	engine_destroy(suite->setup.engine);
	return suite;
}

int main(int argc, char **argv) {
	struct error err;
	if (argc < 3) {
		(void)fprintf(stderr, "usage: spectest FOLDER EXCLUDED [FILE...]\n");
		return 2;
	}
	struct suite suite = { .folder = argv[1],
		.excluded = excluded_read(argv[2], &err),
		.argc = argc,
		.argv = argv };
	if (suite.excluded == NULL) {
		(void)fprintf(stderr, "%s\n", err.message);
		return 2;
	}
	pthread_t thread;
	pthread_attr_t attributes;
	void *done = NULL;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, PROGRAM_STACK_BYTES);
	if (pthread_create(&thread, &attributes, run, &suite) == 0) {
		pthread_join(thread, &done);
	}
	pthread_attr_destroy(&attributes);
	for (int i = 0; i < SETUPS; i++) {
		free(suite.gas[i].each);
	}
	excluded_destroy(suite.excluded);
	return done == NULL || suite.wrong != 0;
}
