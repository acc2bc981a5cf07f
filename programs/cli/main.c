/* SPDX-License-Identifier: Apache-2.0 */
/* propeller-cli: finds the verb, parses its arguments, says what went wrong. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/streams.h"
#include "base/version.h"
#include "cli/output.h"
#include "cli/tables.h"

int version(const struct arguments *arguments, struct error *err) {
	enum look look = arguments != NULL ? look_of(arguments) : LOOK_TABLE;
	(void)err;
	if (look == LOOK_JSON || look == LOOK_JSONL) {
		json_t *answer = json_pack("{s:s,s:s}", "program", "propeller-cli", "version",
				AIRSCREW_VERSION);
		print_json(look, answer);
		json_decref(answer);
	} else {
		(void)printf("propeller-cli %s\n", AIRSCREW_VERSION);
	}
	return 0;
}

/* What to do about an error: the first row counts whose words are in the message. */
static const char *hint_for(const struct error *err) {
	static const char trust[] = "if it is yours, name its authority with --ca FILE";
	static const struct {
		enum error_code code;
		const char *words, *hint;
	} rows[] = {
		{ ERROR_UNAVAILABLE, "local issuer", trust },
		{ ERROR_UNAVAILABLE, "self-signed", trust },
		{ ERROR_UNAVAILABLE, "SSL", NULL },
		{ ERROR_UNAVAILABLE, "TLS", NULL },
		{ ERROR_UNAVAILABLE, "reach the executor",
				"start one with `propeller-cli up`, or name another with "
				"--executor" },
		{ ERROR_UNAVAILABLE, "cannot reach",
				"start one with `propeller-cli up`, or name another with "
				"--manager-url" },
		{ ERROR_UNAVAILABLE, "", "`propeller-cli health` says how the manager is" },
		{ ERROR_DENIED, "client certificate", "show one with --cert FILE and --key FILE" },
		{ ERROR_DENIED, "", "set PROPELLER_TOKEN, or --token-file FILE" },
		{ ERROR_BUSY, "", "try again in a moment" },
		{ ERROR_NO_MEMORY, "", "try again in a moment" },
		{ ERROR_UNSUPPORTED, "", "leave that out: this manager does not run it" },
		{ ERROR_MODULE, "", "compile it for wasm32-wasi, or look at it with wasm-objdump" },
		{ ERROR_INTEGRITY, "does not verify",
				"do not rely on it; `propeller-cli verify --help` lists what may "
				"be "
				"allowed" },
		{ ERROR_INTEGRITY, "backup",
				"nothing was written; take another backup, or another file" },
		{ ERROR_INTEGRITY, "receipt",
				"ask for the receipt again, and save it as it comes" },
		{ ERROR_INTEGRITY, "",
				"give the task its module again: `propeller-cli tasks upload`" },
		{ ERROR_KEY_MISMATCH, "", "manager, workers and proxy need the same workload key" },
		{ ERROR_TIMEOUT, "", "give it more time, or see `propeller-cli tasks view`" },
		{ ERROR_NO_SPACE, "", "make room on the disk that the message names" },
		{ ERROR_INTERNAL, "its address?", "name the manager with --manager-url" },
		{ ERROR_NOT_FOUND, "there is nothing at /",
				"that may be no manager, or an older one: name it with "
				"--manager-url" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].code == err->code && strstr(err->message, rows[i].words) != NULL) {
			return rows[i].hint;
		}
	}
	return NULL;
}

/* The noun of what the message says is not there, or cannot be: its list helps. */
static const char *noun_to_list(const struct error *err) {
	static const struct {
		const char *words, *noun;
	} rows[] = {
		{ "there is no task ", "tasks" },
		{ "is not a task id", "tasks" },
		{ "there is no proplet ", "proplets" },
		{ "there is no context ", "context" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strstr(err->message, rows[i].words) != NULL) {
			return rows[i].noun;
		}
	}
	return NULL;
}

/* Every error is two lines: what happened, and what to do. */
static int fail(const struct verb *verb, const struct error *err, bool wrong_use) {
	bool colours = terminal_colours(STDERR_FILENO);
	CLEANUP(mem_freep) char *safe = printable(err->message, 0);
	const char *hint = hint_for(err), *gap = verb->name[0] != 0 ? " " : "";
	(void)fprintf(stderr, colours ? "\033[31merror:\033[0m %s\n" : "error: %s\n", safe);
	if (hint != NULL) {
		(void)fprintf(stderr, "hint: %s\n", hint);
	} else if (noun_to_list(err) != NULL) {
		(void)fprintf(stderr, "hint: `propeller-cli %s list` shows what there is\n",
				noun_to_list(err));
	} else if (wrong_use) {
		(void)fprintf(stderr, "hint: `propeller-cli %s%s%s --help` explains\n", verb->noun,
				gap, verb->name);
	} else if (err->code == ERROR_CONFLICT && verb->name[0] != 0 &&
			verb_find(verb->noun, "view") != NULL) {
		(void)fprintf(stderr, "hint: `propeller-cli %s view` shows its state\n",
				verb->noun);
	}
	return (verb->groups & X) != 0 ? OWN_FAILURE : error_exit_code(err->code);
}

static int run_verb(const struct verb *verb, char **argv) {
	static struct arguments arguments; /* large, and one per process */
	struct error err;
	int code = -1;
	if (!arguments_parse(&arguments, verb, argv, &err)) {
		code = fail(verb, &err, true);
	} else if (arguments.flags[FLAG_HELP] != NULL) {
		arguments_help(verb);
		code = 0;
	} else {
		code = verb->handler(&arguments, &err);
		code = code >= 0 ? code : fail(verb, &err, err.code == ERROR_INVALID);
	}
	arguments_finish(&arguments);
	return code;
}

static bool asks_for_help(const char *word) {
	return str_equal(word, "--help") || str_equal(word, "-h") || str_equal(word, "help");
}

static bool has_word(char *const *words, const char *word) {
	while (*words != NULL && !str_equal(*words, word)) {
		words++;
	}
	return *words != NULL;
}

static bool wants_help(char *const *words) {
	return has_word(words, "--help") || has_word(words, "-h") || has_word(words, "help");
}

/* `help NOUN VERB` is NOUN VERB --help. */
static int help(char **words) {
	const char *noun = arguments_take_item(words);
	if (noun == NULL) {
		verbs_usage(stdout, NULL);
		return 0;
	}
	const char *name = arguments_take_item(words);
	const struct verb *verb = verb_find(noun, NULL);
	verb = verb != NULL || name == NULL ? verb : verb_find(noun, name);
	if (verb != NULL) {
		arguments_help(verb);
	} else if (name == NULL && verb_is_noun(noun)) {
		verbs_usage(stdout, noun);
	} else {
		return verb_unknown(noun, name);
	}
	return 0;
}

/* The words without noun and verb are in `words`. */
static int run(const char *noun, char **words) {
	if (noun == NULL && has_word(words, "--version")) {
		return version(NULL, NULL);
	}
	if (noun == NULL ? wants_help(words) : asks_for_help(noun)) {
		return help(words);
	}
	if (noun == NULL) {
		verbs_usage(stderr, NULL);
		return 2;
	}
	const struct verb *verb = verb_find(noun, NULL);
	const char *name = verb == NULL ? arguments_take_item(words) : NULL;
	verb = verb != NULL ? verb : verb_find(noun, name);
	if (verb != NULL) {
		return run_verb(verb, words);
	}
	if (verb_is_noun(noun) && (wants_help(words) || (name != NULL && asks_for_help(name)))) {
		verbs_usage(stdout, noun);
		return 0;
	}
	return verb_unknown(noun, name);
}

int main(int argc, char **argv) {
	(void)argc;
	streams_open();
	char **words = argv + 1;
	int code = run(arguments_take_item(words), words);
	errno = 0;
	if (fflush(stdout) != 0 || ferror(stdout)) {
		const char *why = errno != 0 ? strerror(errno) : "not all of it was taken";
		(void)fprintf(stderr, "error: the output could not be written: %s\n", why);
		return 6;
	}
	return code;
}
