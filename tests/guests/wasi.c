// SPDX-License-Identifier: Apache-2.0
// Says all it can see, then ends with the code in its environment variable CODE.
#include <stdio.h>
#include <stdlib.h>

extern char **environ;

int main(int argc, char **argv) {
	printf("argc %d\n", argc);
	for (int i = 0; i < argc; i++) {
		printf("argv[%d] %s\n", i, argv[i]);
	}
	for (char **entry = environ; *entry != NULL; entry++) {
		printf("env %s\n", *entry);
	}
	int byte;
	unsigned long size = 0, sum = 0;
	while ((byte = getchar()) != EOF) {
		size++;
		sum += (unsigned long)byte;
	}
	printf("stdin %lu bytes, sum %lu\n", size, sum);
	fprintf(stderr, "a word on stderr\n");
	const char *code = getenv("CODE");
	return code != NULL ? atoi(code) : 0;
}
