/* SPDX-License-Identifier: Apache-2.0 */
/* propeller-cli: finds the verb, parses its arguments, says what went wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/version.h"
#include "cli/cli.h"

enum { C = 1, R = 2, L = 4, W = 8, U = 16, P = 32, K = 64 };

static int version(const struct arguments *arguments, struct error *err) {
	(void)arguments, (void)err;
	(void)printf("propeller-cli %s\n", AIRSCREW_VERSION);
	return 0;
}

static const struct verb verbs[] = {
	{ "tasks", "run", tasks_run, "FILE [ARGS...] [FLAGS]",
			"runs a module and waits: its output and exit code become ours (125: it "
			"could not be run)",
			R, 1, ARGUMENTS_MAX, true },
	{ "tasks", "create", tasks_create, "NAME [--file FILE] [FLAGS]",
			"creates a task, prints its id", C, 1, 1, false },
	{ "tasks", "view", tasks_view, "ID", "shows a task with its history", 0, 1, 1, false },
	{ "tasks", "list", tasks_list, "[FLAGS]", "lists tasks, newest first", L, 0, 0, false },
	{ "tasks", "update", tasks_update, "ID [FLAGS]", "changes what the flags name", C, 1, 1,
			false },
	{ "tasks", "delete", tasks_delete, "ID", "deletes a task that does not run", 0, 1, 1,
			false },
	{ "tasks", "upload", tasks_upload, "ID FILE", "gives a task its module", 0, 2, 2, false },
	{ "tasks", "start", tasks_start, "ID", "starts a task", 0, 1, 1, false },
	{ "tasks", "stop", tasks_stop, "ID", "stops a task", 0, 1, 1, false },
	{ "tasks", "wait", tasks_wait, "ID [--timeout TIME]",
			"waits until a task has ended; exits with its code", W, 1, 1, true },
	{ "tasks", "results", tasks_results, "ID", "prints a task's results", 0, 1, 1, false },
	{ "tasks", "logs", tasks_logs, "ID", "prints what a task wrote", 0, 1, 1, false },
	{ "tasks", "placement", tasks_placement, "ID",
			"says where a task runs or would run, and why", 0, 1, 1, false },
	{ "tasks", "metrics", tasks_metrics, "ID [FLAGS]", "what a task used while it ran", P, 1, 1,
			false },
	{ "proplets", "list", proplets_list, "[FLAGS]", "lists the workers", L, 0, 0, false },
	{ "proplets", "view", proplets_view, "ID", "shows a worker", 0, 1, 1, false },
	{ "proplets", "metrics", proplets_metrics, "ID [FLAGS]", "what a worker used lately", P, 1,
			1, false },
	{ "proplets", "alive-history", proplets_history, "ID [FLAGS]",
			"when a worker was heard, the last ten times", P, 1, 1, false },
	{ "proplets", "delete", proplets_delete, "ID", "forgets a worker that has no tasks", 0, 1,
			1, false },
	{ "keys", "new", keys_new, "[--for ID]",
			"makes a workload key, or with --for that of one worker", K, 0, 0, false },
	{ "health", "", health, "", "asks the manager whether it is well", 0, 0, 0, false },
	{ "up", "", up, "[FLAGS]",
			"starts broker, manager and workers on this machine, until Ctrl-C", U, 0, 0,
			false },
	{ "version", "", version, "", "prints the version", 0, 0, 0, false },
};

enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

static void usage(FILE *out, const char *noun) {
	(void)fprintf(out, "usage: propeller-cli %s\n\n",
			noun != NULL ? noun : "NOUN VERB [ARGUMENTS] [FLAGS]");
	for (int i = 0; i < VERBS; i++) {
		if (noun == NULL || str_equal(noun, verbs[i].noun)) {
			char left[64];
			(void)snprintf(left, sizeof(left), "%s %s", verbs[i].noun, verbs[i].name);
			(void)fprintf(out, "  %-18s %s\n", left, verbs[i].help);
		}
	}
	(void)fputs("\n`propeller-cli NOUN VERB --help` lists the flags of a verb.\n", out);
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
	return verb->runs ? OWN_FAILURE : error_exit_code(err->code);
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
	if (err.code == ERROR_INVALID && !verb->runs) {
		code = fail(verb, &err);
		(void)fprintf(stderr, "`propeller-cli %s %s --help` explains\n", verb->noun,
				verb->name);
		return code;
	}
	return fail(verb, &err);
}

static const struct verb *find(const char *noun, const char *name) {
	for (int i = 0; i < VERBS; i++) {
		if (str_equal(verbs[i].noun, noun) &&
				(verbs[i].name[0] == 0 || str_equal(verbs[i].name, name))) {
			return &verbs[i];
		}
	}
	return NULL;
}

/* A noun or verb that is not there: the nearest one is named. */
static int unknown(const char *noun, const char *name) {
	const char *words[2 * VERBS];
	char hint[80];
	size_t count = 0;
	bool known = false;
	for (int i = 0; i < VERBS; i++) {
		known = known || str_equal(noun, verbs[i].noun);
	}
	for (int i = 0; i < VERBS; i++) {
		if (!known || str_equal(noun, verbs[i].noun)) {
			words[count++] = known ? verbs[i].name : verbs[i].noun;
		}
	}
	const char *word = known ? name : noun;
	if (word == NULL) {
		(void)fprintf(stderr, "error: `propeller-cli %s` needs a verb\n\n", noun);
	} else {
		char *safe = printable(word, 40);
		(void)fprintf(stderr, "error: there is no \"%s\"%s\n\n", safe,
				nearest(word, words, count, hint));
		free(safe);
	}
	usage(stderr, known ? noun : NULL);
	return 2;
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
	bool two = first < argc && find(argv[first], NULL) == NULL && first + 1 < argc &&
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
		usage(stderr, NULL);
		code = 2;
	} else if (asks_for_help(noun)) {
		usage(stdout, NULL);
		code = 0;
	} else if (str_equal(noun, "--version")) {
		code = version(NULL, NULL);
	} else if (find(noun, name) != NULL) {
		const struct verb *verb = find(noun, name);
		code = run_verb(verb, words + (verb->name[0] != 0 ? 2 : 1));
	} else if (wants_help(words) && find(noun, "list") != NULL) {
		usage(stdout, noun);
		code = 0;
	} else {
		code = unknown(noun, name);
	}
	free(words);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		(void)fputs("error: the output could not be written\n", stderr);
		return 6;
	}
	return code;
}
