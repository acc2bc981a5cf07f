// SPDX-License-Identifier: Apache-2.0
// A command: it prints, looks at its arguments and its environment, and ends with exit code 0.
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
	const char *greeting = getenv("GREETING");
	printf("%s, world!\n", greeting != NULL ? greeting : "Hello");
	for (int i = 1; i < argc; i++) {
		printf("argument %d: %s\n", i, argv[i]);
	}
	return 0;
}
