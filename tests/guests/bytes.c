// SPDX-License-Identifier: Apache-2.0
// Writes bytes that are not UTF-8.
#include <stdio.h>

int main(void) {
	fwrite("a\xff\xfe\0b", 1, 5, stdout);
	return 0;
}
