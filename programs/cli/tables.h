/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The tables of verbs and flags, for what is made from them: parsing, --help, completion, man page.
 */
#include "cli/cli.h"
#include "cli/guess.h"

/* Which flags a verb has (verbs.def) and which verbs a flag belongs to (flags.def). */
enum group {
	G = 0,       /* of flags: all verbs have it */
	N = 0,       /* of verbs: it has only those flags */
	C = 1,       /* create and update */
	R = 2,       /* run */
	L = 4,       /* lists */
	W = 8,       /* waiting */
	U = 16,      /* up */
	P = 32,      /* pages of what was measured */
	K = 64,      /* keys */
	V = 128,     /* verify */
	E = 256,     /* execute */
	A = 512,     /* the list of tasks */
	D = 1024,    /* the list of workers */
	B = 1 << 24, /* backup */
	S = 1 << 25, /* restore */
	M = 1 << 26, /* create */
	F = 1 << 27, /* logs */
	Q = 1 << 28, /* one thing that can be watched */
	Z = 1 << 29, /* no flags: the verb is for programs, people are not shown it */
	X = 1 << 30, /* no flags: the verb's own failures are 125 */
};

struct verb {
	const char *noun, *name; /* name "" for nouns without verbs */
	int (*handler)(const struct arguments *arguments, struct error *err);
	const char *usage;
	unsigned groups;
	int min, max; /* how many items */
	const char *help;
};

/* verbs.c. The tables end with a row whose noun, or name, is NULL. */
extern const struct verb verbs[];
const struct verb *verb_find(const char *noun, const char *name);
bool verb_is_noun(const char *word);
/* All verbs, or those of a noun. */
void verbs_usage(FILE *out, const char *noun);
/* A noun or verb that is not there: says so, names the nearest one, gives the exit code. */
int verb_unknown(const char *noun, const char *name);

/* args.c */
struct flag_row {
	const char *name;
	char short_name;   /* 0: none */
	const char *value; /* what it takes; NULL: nothing */
	unsigned who;      /* groups */
	const char *help;
};
extern const struct flag_row flag_rows[FLAGS];
bool flag_belongs(const struct flag_row *row, const struct verb *verb);
bool arguments_parse(struct arguments *arguments, const struct verb *verb, char **argv,
		struct error *err) MUST_CHECK;
void arguments_finish(struct arguments *arguments);
/* Takes the first word that is neither a flag nor its value out of the words; NULL: there is none.
 */
char *arguments_take_item(char **words);
void arguments_help(const struct verb *verb);
