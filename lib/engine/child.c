/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/child.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/compiler.h"
#include "engine/supervise.h"

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
static bool end_with_parent(const char *parent, int signal) {
	return prctl(PR_SET_PDEATHSIG, signal) == 0 && getppid() == (pid_t)strtol(parent, NULL, 10);
}

int child_main(int argc, char **argv) {
	bool compiles = str_equal(argv[VERB], "compile");
	if (!end_with_parent(argv[PARENT], compiles ? SIGKILL : SIGTERM)) {
		return CANNOT_START;
	}
	return compiles ? compiler_child(argc - ARGUMENTS, argv + ARGUMENTS)
			: supervise(argv + ARGUMENTS);
}
