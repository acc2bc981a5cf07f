// SPDX-License-Identifier: Apache-2.0
// Fails in a way of your choice: `exit N` ends with that code, `trap` hits an unreachable
// instruction three calls deep, so that the error shows a backtrace with names.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((noinline)) static void third(void) {
	__builtin_trap();
}
__attribute__((noinline)) static void second(void) {
	third();
}
__attribute__((noinline)) static void first(void) {
	second();
}

int main(int argc, char **argv) {
	fprintf(stderr, "about to fail\n");
	if (argc == 3 && strcmp(argv[1], "exit") == 0) {
		return atoi(argv[2]);
	}
	first();
	return 0;
}
