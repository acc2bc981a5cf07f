// SPDX-License-Identifier: Apache-2.0
// Writes as many MiB of 'x' as its first argument says, then "end" on stderr.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
	static char piece[1 << 16];
	memset(piece, 'x', sizeof piece);
	for (int left = (argc > 1 ? atoi(argv[1]) : 1) * 16; left > 0; left--) {
		fwrite(piece, 1, sizeof piece, stdout);
	}
	fflush(stdout);
	fprintf(stderr, "end\n");
	return 0;
}
