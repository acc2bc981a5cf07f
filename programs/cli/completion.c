/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `completion SHELL`: what a shell needs in order to ask `propeller-cli complete`. Scripts know no
 * verb and no flag, and so are never older than the program.
 */
#include <stdio.h>

#include "base/str.h"
#include "cli/cli.h"

/* clang-format off */
static const char bash_script[] =
		"# bash completion of propeller-cli, made by `propeller-cli completion bash`.\n"
		"_propeller_cli() {\n"
		"\tlocal line more=\"\" cur=${COMP_WORDS[COMP_CWORD]}\n"
		"\tlocal -a all=()\n"
		"\tCOMPREPLY=()\n"
		"\twhile IFS= read -r line; do\n"
		"\t\tcase $line in\n"
		"\t\t:*) more=${line#:} ;;\n"
		"\t\t*) all+=(\"$line\") ;;\n"
		"\t\tesac\n"
		"\tdone < <(\"${COMP_WORDS[0]/#\\~/$HOME}\" complete -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
		"\tif [ \"${#all[@]}\" = 1 ]; then\n"
		"\t\tCOMPREPLY=(\"${all[0]%%$'\\t'*}\")\n"
		"\telif [ \"${#all[@]}\" != 0 ] && [ \"${COMP_TYPE:-9}\" = 63 ]; then\n"
		"\t\t# A list for people: what each candidate is stands behind it.\n"
		"\t\tfor line in \"${all[@]}\"; do\n"
		"\t\t\t[ -n \"${line#*$'\\t'}\" ] && line=\"${line%%$'\\t'*}  (${line#*$'\\t'})\"\n"
		"\t\t\tCOMPREPLY+=(\"${line%$'\\t'}\")\n"
		"\t\tdone\n"
		"\telse\n"
		"\t\tfor line in \"${all[@]}\"; do\n"
		"\t\t\tCOMPREPLY+=(\"${line%%$'\\t'*}\")\n"
		"\t\tdone\n"
		"\tfi\n"
		"\t# Names of tasks lead to their ids; while there are several, what was typed stays.\n"
		"\tif [ \"${#all[@]}\" -gt 1 ] && [[ ${all[0]} != \"$cur\"* && $cur != -* && $cur != = ]]; then\n"
		"\t\tCOMPREPLY+=(\" \")\n"
		"\tfi\n"
		"\t# Where bash has cut the word at \"=\" (or it is --flag=...), only the value is asked for.\n"
		"\tif [[ $COMP_WORDBREAKS == *=* ]]; then\n"
		"\t\tCOMPREPLY=(\"${COMPREPLY[@]#--*=}\")\n"
		"\tfi\n"
		"\t[ \"$cur\" = \"=\" ] && cur=\"\"\n"
		"\tcase $more in\n"
		"\tfiles) compopt -o filenames; mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -f -- \"${cur#--*=}\") ;;\n"
		"\tfolders) compopt -o filenames; mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -d -- \"${cur#--*=}\") ;;\n"
		"\tesac\n"
		"}\n"
		"complete -F _propeller_cli propeller-cli\n";

static const char zsh_script[] =
		"#compdef propeller-cli\n"
		"# zsh completion of propeller-cli, made by `propeller-cli completion zsh`.\n"
		"_propeller_cli() {\n"
		"\tlocal line more=\"\" before\n"
		"\tlocal -a found shown\n"
		"\tfor line in ${(f)\"$(${(Q)words[1]} complete -- \"${(@Q)words[2,CURRENT]}\" 2>/dev/null)\"}; do\n"
		"\t\tif [[ $line == :* ]]; then\n"
		"\t\t\tmore=${line#:}\n"
		"\t\telse\n"
		"\t\t\tfound+=(\"${line%%$'\\t'*}\")\n"
		"\t\t\tshown+=(\"${line%%$'\\t'*}${${line#*$'\\t'}:+  (${line#*$'\\t'})}\")\n"
		"\t\tfi\n"
		"\tdone\n"
		"\tif (( $#found )); then\n"
		"\t\t# Names of tasks complete to their ids: those do not begin with what was typed.\n"
		"\t\tif [[ $found[1] == ${(Q)PREFIX}* ]]; then\n"
		"\t\t\tcompadd -l -d shown -a found\n"
		"\t\telse\n"
		"\t\t\tcompadd -U -l -d shown -a found\n"
		"\t\t\t(( $#found > 1 )) && compstate[insert]=\"\" compstate[list]=\"list force\"\n"
		"\t\tfi\n"
		"\tfi\n"
		"\tif [[ -n $more ]]; then\n"
		"\t\t[[ $PREFIX == --*=* ]] && compset -P '--*='\n"
		"\t\tif [[ $more == folders ]]; then\n"
		"\t\t\t_path_files -/\n"
		"\t\telse\n"
		"\t\t\t_path_files\n"
		"\t\tfi\n"
		"\tfi\n"
		"}\n"
		"if [[ $funcstack[1] == _propeller-cli ]]; then\n"
		"\t_propeller_cli \"$@\"\n"
		"else\n"
		"\tcompdef _propeller_cli propeller-cli\n"
		"fi\n";

static const char fish_script[] =
		"# fish completion of propeller-cli, made by `propeller-cli completion fish`.\n"
		"function __propeller_cli_complete\n"
		"\tset -l words (commandline -opc)\n"
		"\tset -l word (commandline -ct)\n"
		"\tfor line in ($words[1] complete -- $words[2..-1] \"$word\" 2>/dev/null)\n"
		"\t\tswitch $line\n"
		"\t\t\tcase ':files'\n"
		"\t\t\t\t__fish_complete_path (string replace -r '^--[^=]*=' '' -- \"$word\")\n"
		"\t\t\tcase ':folders'\n"
		"\t\t\t\t__fish_complete_directories (string replace -r '^--[^=]*=' '' -- \"$word\")\n"
		"\t\t\tcase ':*'\n"
		"\t\t\tcase '*'\n"
		"\t\t\t\techo -- $line\n"
		"\t\tend\n"
		"\tend\n"
		"end\n"
		"complete -c propeller-cli -f -a '(__propeller_cli_complete)'\n";
/* clang-format on */

int completion(const struct arguments *arguments, struct error *err) {
	static const struct {
		const char *shell, *script;
	} rows[] = { { "bash", bash_script }, { "zsh", zsh_script }, { "fish", fish_script } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (str_equal(arguments->items[0], rows[i].shell)) {
			(void)fputs(rows[i].script, stdout);
			return 0;
		}
	}
	error_set(err, ERROR_INVALID, "\"%.40s\" is none of bash, zsh, fish", arguments->items[0]);
	return -1;
}
