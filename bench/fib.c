/* SPDX-License-Identifier: Apache-2.0 */
/* The reference of functions.c, apart so that no compiler sees with what it is called. */
int native_fib(int n);

int native_fib(int n) {
	return n < 2 ? 1 : native_fib(n - 1) + native_fib(n - 2);
}
