/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/compiler.h"

static const char flag[] = "--engine-child";

enum word { PROGRAM, FLAG, PARENT, VERB, ARGUMENTS };

/* What a shell says for a program that cannot be started. */
enum { CANNOT_START = 127 };

bool child_wanted(int argc, char **argv) {
	return argc > ARGUMENTS && str_equal(argv[FLAG], flag);
}

void child_words(struct strings *words, const char *self, const char *verb) {
	CLEANUP(mem_freep) char *parent = str_format("%d", (int)getpid());
	strings_add(words, self);
	strings_add(words, flag);
	strings_add(words, parent);
	strings_add(words, verb);
}

/* The parent may be gone already: then nobody would ever end us. */
static bool die_with_parent(const char *parent) {
	return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
	       getppid() == (pid_t)strtol(parent, NULL, 10);
}

static int run_program(char **argv) {
	(void)execvp(argv[0], argv);
	(void)fprintf(stderr, "cannot start %s: %s\n", argv[0], strerror(errno));
	return CANNOT_START;
}

int child_main(int argc, char **argv) {
	if (!die_with_parent(argv[PARENT])) {
		return CANNOT_START;
	}
	if (str_equal(argv[VERB], "compile")) {
		return compiler_child(argc - ARGUMENTS, argv + ARGUMENTS);
	}
	return run_program(argv + ARGUMENTS);
}
