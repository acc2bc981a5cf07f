/* SPDX-License-Identifier: Apache-2.0 */
/* `man`: the manual page of propeller-cli, from the tables of verbs, flags and errors. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/roff.h"
#include "base/str.h"
#include "cli/tables.h"

enum { TEXT_MAX = 8192 };

/* The flags that a verb has beside those of all verbs: "--limit, --offset". */
static char *own_flags(const struct verb *verb) {
	struct buf text = BUF_INIT(TEXT_MAX);
	struct error ignored;
	for (int i = 0; i < FLAGS; i++) {
		if (flag_rows[i].who != G && flag_belongs(&flag_rows[i], verb)) {
			(void)!buf_printf(&text, &ignored, "%s--%s", text.size != 0 ? ", " : "",
					flag_rows[i].name);
		}
	}
	char *copy = str_copy(buf_text(&text));
	buf_finish(&text);
	return copy;
}

static void print_verbs(FILE *out) {
	roff_section(out, "COMMANDS");
	roff_list_begin(out);
	for (const struct verb *verb = verbs; verb->noun != NULL; verb++) {
		if ((verb->groups & Z) != 0) {
			continue;
		}
		CLEANUP(mem_freep)
		char *words = str_format("%s%s%s%s%s", verb->noun, verb->name[0] != 0 ? " " : "",
				verb->name, verb->usage[0] != 0 ? " " : "", verb->usage);
		CLEANUP(mem_freep) char *flags = own_flags(verb);
		CLEANUP(mem_freep)
		char *text = str_format("%c%s.%s%s%s", toupper((unsigned char)verb->help[0]),
				verb->help + 1, flags[0] != 0 ? " Flags: " : "", flags,
				flags[0] != 0 ? "." : "");
		roff_words(out, words);
		roff_text(out, text);
	}
	roff_list_end(out);
}

static void print_flag(FILE *out, const struct flag_row *row) {
	char dashes[16] = "--";
	if (row->short_name != 0) {
		(void)snprintf(dashes, sizeof(dashes), "-%c, --", row->short_name);
	}
	roff_flag(out, dashes, row->name, row->value);
	roff_text(out, row->help);
}

static void print_flags(FILE *out, const char *title, bool of_all) {
	roff_section(out, title);
	roff_list_begin(out);
	for (int i = 0; i < FLAGS; i++) {
		if ((flag_rows[i].who == G) == of_all) {
			print_flag(out, &flag_rows[i]);
		}
	}
	roff_list_end(out);
}

static void print_environment(FILE *out) {
	static const struct {
		const char *name, *text;
	} rows[] = {
#define VARIABLE(name, text) { name, text },
#include "cli/environment.def"
#undef VARIABLE
	};
	roff_section(out, "ENVIRONMENT");
	roff_list_begin(out);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		roff_variable(out, rows[i].name);
		roff_text(out, rows[i].text);
	}
	roff_list_end(out);
}

static void print_files(FILE *out) {
	roff_section(out, "FILES");
	roff_list_begin(out);
	roff_words(out, "~/.config/propeller/contexts.toml");
	roff_text(out, "the contexts, or below $XDG_CONFIG_HOME. It belongs to the user or to "
		       "root, and nobody else may write it.");
	roff_words(out, "the file of --token-file");
	roff_text(out, "has the token in its first line. It is for its owner's eyes only (chmod "
		       "600); one of root's may be read by others and written by nobody else. "
		       "Others are refused. It may be a pipe.");
	roff_list_end(out);
}

/* What the errors of one exit code are, as spec/errors.def has them. */
static void print_exit_codes(FILE *out) {
	roff_section(out, "EXIT STATUS");
	roff_text(out, "tasks run and tasks wait end as their task did, and with 125 for failures "
		       "that are not its own. Otherwise:");
	roff_list_begin(out);
	roff_words(out, "0");
	roff_text(out, "it is done.");
	for (int exit = 1; exit < OWN_FAILURE; exit++) {
		struct buf text = BUF_INIT(TEXT_MAX);
		struct error ignored;
		char number[16];
#define ERROR(code, slug, http, grpc, exits, title)                                                \
	if ((exits) == exit) {                                                                     \
		(void)!buf_printf(&text, &ignored, "%s%s", text.size != 0 ? "; " : "", title);     \
	}
#include "spec/errors.def"
#undef ERROR
		if (text.size != 0) {
			(void)snprintf(number, sizeof(number), "%d", exit);
			roff_words(out, number);
			roff_text(out, buf_text(&text));
		}
		buf_finish(&text);
	}
	roff_list_end(out);
}

int man(const struct arguments *arguments, struct error *err) {
	FILE *out = stdout;
	(void)arguments, (void)err;
	roff_begin(out, "propeller-cli", 1, "runs WebAssembly workloads through a manager");
	roff_section(out, "SYNOPSIS");
	(void)fputs(".Nm\n.Ar NOUN\n.Ar VERB\n.Op Ar ARGUMENTS\n.Op Ar FLAGS\n", out);
	roff_section(out, "DESCRIPTION");
	roff_text(out, "It asks a manager, propeller-manager(8), and shows what it answers: data "
		       "on "
		       "standard output, everything else on standard error. Flags may stand "
		       "anywhere; "
		       "-- ends them.\nErrors are two lines: what happened, and what to do.");
	print_verbs(out);
	print_flags(out, "FLAGS OF ALL COMMANDS", true);
	print_flags(out, "OTHER FLAGS", false);
	print_environment(out);
	print_files(out);
	print_exit_codes(out);
	roff_section(out, "EXAMPLES");
	roff_examples(out, "propeller-cli up --samples\n"
			   "propeller-cli tasks run add.wasm --invoke add 10 20\n"
			   "ID=$(propeller-cli tasks create add --file add.wasm --inputs 4,5)\n"
			   "propeller-cli tasks start $ID && propeller-cli tasks wait $ID\n"
			   "propeller-cli tasks list --filter state=failed -o wide\n");
	roff_section(out, "SEE ALSO");
	(void)fputs(".Xr propeller-manager 8 ,\n.Xr propeller-proxy 8 ,\n.Xr proplet 8\n", out);
	return 0;
}
