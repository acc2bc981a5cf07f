/* SPDX-License-Identifier: Apache-2.0 */
#include "base/roff.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"
#include "base/version.h"

enum { LINE_WIDTH = 50 }; /* of the text; escapes make it longer */

/* One character of text, as roff shows it and does not obey it. Returns its size. */
static size_t put_character(FILE *out, const char *text, size_t left) {
	size_t size = str_utf8_next(text, left);
	const unsigned char *bytes = (const unsigned char *)text;
	if (size == 2) {
		(void)fprintf(out, "\\[u%04X]", (bytes[0] & 0x1fu) << 6 | (bytes[1] & 0x3fu));
	} else if (size == 3) {
		(void)fprintf(out, "\\[u%04X]",
				(bytes[0] & 0xfu) << 12 | (bytes[1] & 0x3fu) << 6 |
						(bytes[2] & 0x3fu));
	} else if (text[0] == '\\') {
		(void)fputs("\\e", out);
	} else if (text[0] == '-' || text[0] == '`' || text[0] == '\'' || text[0] == '~' ||
			text[0] == '^') {
		static const char *const names[] = { "\\-", "\\(ga", "\\(aq", "\\(ti", "\\(ha" };
		(void)fputs(names[strchr("-`'~^", text[0]) - "-`'~^"], out);
	} else if (text[0] == '"') {
		(void)fputs("\\(dq", out);
	} else {
		(void)fputc(text[0], out);
	}
	return size != 0 ? size : 1;
}

static void put(FILE *out, const char *text, size_t size) {
	while (size != 0) {
		size_t used = put_character(out, text, size);
		text += used;
		size -= used;
	}
}

static void put_all(FILE *out, const char *text) {
	put(out, text, strlen(text));
}

/* As one argument of a macro; "\&" keeps it from being a macro's name or a punctuation mark. */
static void put_argument(FILE *out, const char *text) {
	(void)fputs(" \"\\&", out);
	put_all(out, text);
	(void)fputc('"', out);
}

void roff_begin(FILE *out, const char *program, int section, const char *about) {
	char upper[64];
	size_t size = strlen(program) < sizeof(upper) ? strlen(program) : sizeof(upper) - 1;
	for (size_t i = 0; i < size; i++) {
		upper[i] = (char)toupper((unsigned char)program[i]);
	}
	upper[size] = 0;
	(void)fprintf(out,
			".\\\" SPDX-License-Identifier: Apache-2.0\n.Dd %s\n.Dt %s %d\n.Os "
			"Airscrew %s\n"
			".Sh NAME\n.Nm %s\n.Nd ",
			AIRSCREW_DATE, upper, section, AIRSCREW_VERSION, program);
	put_all(out, about);
	(void)fputc('\n', out);
}

void roff_section(FILE *out, const char *title) {
	(void)fprintf(out, ".Sh %s\n", title);
}

/* A word may not begin a line as a request, and names are never hyphenated; lines end behind
 * sentences, as the language wants. */
void roff_text(FILE *out, const char *text) {
	size_t column = 0;
	while (*text != 0) {
		size_t size = strcspn(text, " \n");
		if (column != 0) {
			(void)fputc(column + size > LINE_WIDTH ? '\n' : ' ', out);
			column = column + size > LINE_WIDTH ? 0 : column + 1;
		}
		if (column == 0) {
			(void)fputs(text[0] == '.' || text[0] == '\'' ? "\\&" : "", out);
		}
		(void)fputs(text[0] == '-' || memchr(text, '_', size) != NULL ? "\\%" : "", out);
		put(out, text, size);
		column += size;
		bool sentence = size > 1 && strchr(".?!", text[size - 1]) != NULL;
		text += size;
		if (*text == '\n') {
			(void)fputs(text[1] != 0 ? "\n.Pp\n" : "", out);
			column = 0;
		} else if (sentence && *text != 0) {
			(void)fputc('\n', out);
			column = 0;
		}
		text += *text != 0;
	}
	(void)fputc('\n', out);
}

void roff_list_begin(FILE *out) {
	(void)fputs(".Bl -tag -width Ds\n", out);
}

void roff_flag(FILE *out, const char *dashes, const char *name, const char *value) {
	(void)fputs(".It Li", out);
	(void)fputs(" \"\\&", out);
	put_all(out, dashes);
	put_all(out, name);
	(void)fputc('"', out);
	if (value != NULL && value[0] != 0) {
		(void)fputs(" Ar", out);
		put_argument(out, value);
	}
	(void)fputc('\n', out);
}

void roff_variable(FILE *out, const char *name) {
	(void)fprintf(out, ".It Ev %s\n", name);
}

void roff_words(FILE *out, const char *words) {
	(void)fputs(".It Li", out);
	put_argument(out, words);
	(void)fputc('\n', out);
}

void roff_list_end(FILE *out) {
	(void)fputs(".El\n", out);
}

void roff_examples(FILE *out, const char *lines) {
	(void)fputs(".Bd -literal -offset indent\n", out);
	while (*lines != 0) {
		size_t size = strcspn(lines, "\n");
		(void)fputs(lines[0] == '.' || lines[0] == '\'' ? "\\&" : "", out);
		put(out, lines, size);
		(void)fputc('\n', out);
		lines += size + (lines[size] != 0);
	}
	(void)fputs(".Ed\n", out);
}
