/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Compiling in a child (child.h), with limits of memory and CPU time, so that a large or evil
 * module neither fills nor stalls this process, and a compilation can be stopped.
 *
 * The module goes there and the code comes back in anonymous memory files: nothing is on a disk
 * or in a command line. The code is taken only when its SHA-256 is what the child said, after the
 * file was sealed against writing.
 */
#include "engine/inside.h"

/*
 * The code of a module or a component, loaded. False: what the compiler says of it
 * (ERROR_MODULE), ERROR_INTERRUPTED (stop), ERROR_NO_MEMORY or ERROR_TIMEOUT (a limit, by its
 * setting's meaning), ERROR_INTERNAL (the child died otherwise).
 */
bool compiler_run(struct engine *engine, const struct tier *tier, const struct module_kind *kind,
		const struct module_text *text, struct run_stop *stop, struct code *code,
		struct error *err) MUST_CHECK;
/* The child's side: KIND USE MEMORY CPU_SECONDS, the module on descriptor 0, the code to 3. */
int compiler_child(int argc, char **argv);
