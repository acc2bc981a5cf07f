// SPDX-License-Identifier: Apache-2.0
// Copies its stdin to its stdout and says on stderr how much that was.
#include <stdio.h>

int main(void) {
	char piece[4096];
	size_t total = 0, size;
	while ((size = fread(piece, 1, sizeof piece, stdin)) > 0) {
		fwrite(piece, 1, size, stdout);
		total += size;
	}
	fprintf(stderr, "%zu bytes\n", total);
	return 0;
}
