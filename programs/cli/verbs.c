/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/tables.h"

const struct verb verbs[] = {
#define VERB(noun, name, handler, usage, groups, min, max, help)                                   \
	{ noun, name, handler, usage, groups, min, max, help },
#include "cli/verbs.def"
#undef VERB
	{ NULL, NULL, NULL, NULL, N, 0, 0, NULL },
};

enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) - 1 };

void verbs_usage(FILE *out, const char *noun) {
	(void)fprintf(out, "usage: propeller-cli %s VERB [ARGUMENTS] [FLAGS]\n\n",
			noun != NULL ? noun : "NOUN");
	for (const struct verb *verb = verbs; verb->noun != NULL; verb++) {
		if ((noun == NULL || str_equal(noun, verb->noun)) && (verb->groups & Z) == 0) {
			char left[64];
			(void)snprintf(left, sizeof(left), "%s %s", verb->noun, verb->name);
			(void)fprintf(out, "  %-22s %s\n", left, verb->help);
		}
	}
	(void)fputs("\n`propeller-cli NOUN VERB --help` lists the flags of a verb.\n", out);
}

const struct verb *verb_find(const char *noun, const char *name) {
	for (const struct verb *verb = verbs; verb->noun != NULL; verb++) {
		if (str_equal(verb->noun, noun) &&
				(verb->name[0] == 0 || str_equal(verb->name, name))) {
			return verb;
		}
	}
	return NULL;
}

bool verb_is_noun(const char *word) {
	const struct verb *verb = verbs;
	while (verb->noun != NULL && !str_equal(verb->noun, word)) {
		verb++;
	}
	return verb->noun != NULL;
}

/* Propeller has more than this manager runs; who types it is to know that it is not a typing error.
 */
static const char *missing_here(const char *noun, const char *name) {
	static const struct {
		const char *noun, *name, *words;
	} rows[] = {
		{ "jobs", NULL,
				"jobs are not run here; tasks create --manifest makes many tasks "
				"at once" },
		{ "workflows", NULL, "workflows are not run here" },
		{ "fl", NULL, "federated learning is coordinated elsewhere" },
		{ "provision", NULL,
				"nothing is provisioned by a service here: keys new, and "
				"docs/settings.md" },
		{ "tasks", "invoke",
				"latent tasks are not run here; tasks run FILE --invoke NAME" },
		{ "proplets", "sdf",
				"workers have no SDF description here; proplets view -o json" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (str_equal(noun, rows[i].noun) &&
				(rows[i].name == NULL || str_equal(name, rows[i].name))) {
			return rows[i].words;
		}
	}
	return NULL;
}

/* The verbs of a noun; without one the nouns. */
static size_t list_words(const char *noun, const char *words[VERBS]) {
	size_t count = 0;
	for (const struct verb *verb = verbs; verb->noun != NULL; verb++) {
		bool fits = noun == NULL || str_equal(noun, verb->noun);
		if (fits && (verb->groups & Z) == 0) {
			words[count++] = noun != NULL ? verb->name : verb->noun;
		}
	}
	return count;
}

/* True if something is near, which is enough; else all that there is helps more. */
static bool say_nearest(const char *noun, const char *word) {
	const char *words[VERBS];
	char hint[80];
	CLEANUP(mem_freep) char *safe = printable(word, 40);
	(void)fprintf(stderr, "error: there is no \"%s\"%s\n", safe,
			nearest(word, words, list_words(noun, words), hint));
	if (hint[0] != 0) {
		(void)fprintf(stderr, "hint: `propeller-cli %s%s--help` lists what there is\n",
				noun != NULL ? noun : "", noun != NULL ? " " : "");
	}
	return hint[0] != 0;
}

int verb_unknown(const char *noun, const char *name) {
	bool known = verb_is_noun(noun);
	const char *missing = !known || name != NULL ? missing_here(noun, name) : NULL;
	if (missing != NULL) {
		(void)fprintf(stderr,
				"error: `propeller-cli %s%s%s` of Propeller is not here: %s\n"
				"hint: `propeller-cli --help` lists what there is\n",
				noun, known ? " " : "", known ? name : "", missing);
		return 2;
	}
	if (known && name == NULL) {
		(void)fprintf(stderr, "error: `propeller-cli %s` needs a verb\n", noun);
	} else if (say_nearest(known ? noun : NULL, known ? name : noun)) {
		return 2;
	}
	(void)fputc('\n', stderr);
	verbs_usage(stderr, known ? noun : NULL);
	return 2;
}
