/* SPDX-License-Identifier: Apache-2.0 */
/* propeller-cli: finds the verb, parses its arguments, says what went wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/version.h"
#include "cli/tables.h"

int version(const struct arguments *arguments, struct error *err) {
	(void)arguments, (void)err;
	(void)printf("propeller-cli %s\n", AIRSCREW_VERSION);
	return 0;
}

static const char *hint_for(const struct error *err) {
	static const char trust[] = "if it is yours, name its authority with --ca FILE";
	/* The first one counts whose words are in the message. */
	static const struct {
		enum error_code code;
		const char *words, *hint;
	} rows[] = {
		{ ERROR_UNAVAILABLE, "local issuer", trust },
		{ ERROR_UNAVAILABLE, "self-signed", trust },
		{ ERROR_UNAVAILABLE, "SSL", NULL },
		{ ERROR_UNAVAILABLE, "TLS", NULL },
		{ ERROR_UNAVAILABLE, "cannot reach",
				"start one with `propeller-cli up`, or name another with "
				"--manager-url" },
		{ ERROR_DENIED, "client certificate", "show one with --cert FILE and --key FILE" },
		{ ERROR_DENIED, "", "set PROPELLER_TOKEN, or --token-file FILE" },
		{ ERROR_BUSY, "", "try again in a moment" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].code == err->code && strstr(err->message, rows[i].words) != NULL) {
			return rows[i].hint;
		}
	}
	return NULL;
}

static int fail(const struct verb *verb, const struct error *err) {
	char *safe = printable(err->message, 0);
	const char *hint = hint_for(err);
	(void)fprintf(stderr, "error: %s\n", safe);
	if (hint != NULL) {
		(void)fprintf(stderr, "hint: %s\n", hint);
	}
	free(safe);
	return (verb->groups & X) != 0 ? OWN_FAILURE : error_exit_code(err->code);
}

static int run_verb(const struct verb *verb, char **argv) {
	static struct arguments arguments; /* large, and one per process */
	struct error err;
	if (!arguments_parse(&arguments, verb, argv, &err)) {
		int code = fail(verb, &err);
		(void)fprintf(stderr, "`propeller-cli %s %s --help` explains\n", verb->noun,
				verb->name);
		return code;
	}
	if (arguments.flags[FLAG_HELP] != NULL) {
		arguments_help(verb);
		return 0;
	}
	int code = verb->handler(&arguments, &err);
	if (code >= 0) {
		return code;
	}
	if (err.code == ERROR_INVALID && (verb->groups & X) == 0) {
		code = fail(verb, &err);
		(void)fprintf(stderr, "`propeller-cli %s %s --help` explains\n", verb->noun,
				verb->name);
		return code;
	}
	return fail(verb, &err);
}

/* Flags that stand before the noun (propeller-cli -m URL tasks list) go behind the verb. */
static char **rotate(int argc, char **argv, char **out) {
	int first = 1, count = 0;
	while (first < argc && argv[first][0] == '-' && !str_equal(argv[first], "--help") &&
			!str_equal(argv[first], "-h") && !str_equal(argv[first], "--version")) {
		bool alone = strchr(argv[first], '=') != NULL || str_equal(argv[first], "-v") ||
			     str_equal(argv[first], "--tls-verification");
		first += alone || first + 1 == argc ? 1 : 2;
	}
	for (int i = first; i < argc && i < first + 1; i++) {
		out[count++] = argv[i];
	}
	bool two = first < argc && verb_find(argv[first], NULL) == NULL && first + 1 < argc &&
		   argv[first + 1][0] != '-';
	if (two) {
		out[count++] = argv[first + 1];
	}
	for (int i = 1; i < first; i++) {
		out[count++] = argv[i];
	}
	for (int i = first + 1 + two; i < argc; i++) {
		out[count++] = argv[i];
	}
	out[count] = NULL;
	return out;
}

static bool asks_for_help(const char *word) {
	return str_equal(word, "--help") || str_equal(word, "-h") || str_equal(word, "help");
}

static bool wants_help(char *const *words) {
	while (*words != NULL && !asks_for_help(*words)) {
		words++;
	}
	return *words != NULL;
}

int main(int argc, char **argv) {
	char **words = calloc((size_t)argc + 2, sizeof(*words));
	if (words == NULL) {
		return 6;
	}
	words = rotate(argc, argv, words);
	const char *noun = words[0], *name = noun != NULL ? words[1] : NULL;
	int code;
	if (noun == NULL) {
		verbs_usage(stderr, NULL);
		code = 2;
	} else if (asks_for_help(noun)) {
		verbs_usage(stdout, NULL);
		code = 0;
	} else if (str_equal(noun, "--version")) {
		code = version(NULL, NULL);
	} else if (verb_find(noun, name) != NULL) {
		const struct verb *verb = verb_find(noun, name);
		code = run_verb(verb, words + (verb->name[0] != 0 ? 2 : 1));
	} else if (wants_help(words) && verb_find(noun, "list") != NULL) {
		verbs_usage(stdout, noun);
		code = 0;
	} else {
		code = verb_unknown(noun, name);
	}
	free(words);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		(void)fputs("error: the output could not be written\n", stderr);
		return 6;
	}
	return code;
}
