/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Children that are this program itself: one compiles a module under limits, one
 * supervises an external runtime. Both end with the thread that started them, also when the program
 * is killed.
 *
 * A program that uses an engine with `self` calls child_main() first of all, before any thread
 * begins. The words are PROGRAM --engine-child PARENT VERB ARGUMENTS...
 */
#include <stdbool.h>

#include "base/str.h"

/* True if these are the arguments of such a child. */
bool child_wanted(int argc, char **argv);
/* The life of a child; the exit code. */
int child_main(int argc, char **argv);
/* The beginning of a child's command line. */
void child_words(struct strings *words, const char *self, const char *verb);
