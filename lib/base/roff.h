/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Manual pages in the mdoc language (mdoc(7)), for programs that write their own from the tables
 * that --help is made of. Texts are ours, in UTF-8: what roff would take for a request is escaped.
 */
#include <stdio.h>

/* The first lines, up to NAME and its one line about what it is. `section` is 1 or 8. */
void roff_begin(FILE *out, const char *program, int section, const char *about);
/* A section: "ENVIRONMENT". */
void roff_section(FILE *out, const char *title);
/* Text of any length on lines of its own; a newline in it begins a paragraph. */
void roff_text(FILE *out, const char *text);
/* A list of words with what they mean, each word with an argument (NULL: none) in italics. */
void roff_list_begin(FILE *out);
void roff_flag(FILE *out, const char *dashes, const char *name, const char *value);
void roff_variable(FILE *out, const char *name); /* of the environment */
void roff_words(FILE *out, const char *words);   /* literal */
void roff_list_end(FILE *out);
/* Example commands, each a line. */
void roff_examples(FILE *out, const char *lines);
