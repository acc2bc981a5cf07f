/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "attest/merkle.h"
#include "base/hex.h"

enum { MOST = 70 };

static void make_leaves(uint8_t (*leaves)[MERKLE_BYTES], size_t count) {
	for (size_t i = 0; i < count; i++) {
		uint8_t data = (uint8_t)i;
		merkle_leaf((struct bytes){ &data, 1 }, leaves[i]);
	}
}

static void assert_root(const struct merkle *tree, const char *text) {
	char hex[2 * MERKLE_BYTES + 1];
	hex_encode(merkle_root(tree), MERKLE_BYTES, hex);
	assert_string_equal(hex, text);
}

/* Of the eight inputs that RFC 6962's first implementation is tested with. */
static void test_known_roots(void **state) {
	static const char *const inputs[] = { "", "00", "10", "2021", "3031", "40414243",
		"5051525354555657", "606162636465666768696a6b6c6d6e6f" };
	static const char *const roots[] = {
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	};
	uint8_t leaves[8][MERKLE_BYTES];
	(void)state;
	for (size_t i = 0; i < 8; i++) {
		uint8_t data[16];
		size_t size = strlen(inputs[i]) / 2;
		assert_true(hex_decode(inputs[i], data, size));
		merkle_leaf((struct bytes){ data, size }, leaves[i]);
		struct merkle *tree = merkle_create(leaves, i + 1);
		assert_root(tree, roots[i]);
		merkle_destroy(tree);
	}
}

static void test_every_path_leads_to_the_root(void **state) {
	uint8_t leaves[MOST][MERKLE_BYTES], root[MERKLE_BYTES];
	(void)state;
	make_leaves(leaves, MOST);
	for (size_t count = 1; count <= MOST; count++) {
		struct merkle *tree = merkle_create(leaves, count);
		for (size_t i = 0; i < count; i++) {
			struct merkle_path path;
			merkle_path(tree, i, &path);
			assert_true(merkle_climb(leaves[i], &path, root));
			assert_memory_equal(root, merkle_root(tree), MERKLE_BYTES);
		}
		merkle_destroy(tree);
	}
}

/* Another leaf, place, size, length, or bit leads elsewhere or nowhere. */
static void test_what_does_not_lead_to_the_root(void **state) {
	uint8_t leaves[MOST][MERKLE_BYTES], root[MERKLE_BYTES];
	(void)state;
	make_leaves(leaves, MOST);
	struct merkle *tree = merkle_create(leaves, 13);
	struct merkle_path good;
	merkle_path(tree, 5, &good);
	assert_int_equal(good.count, 4);
	for (int i = 0; i < 6; i++) {
		struct merkle_path path = good;
		path.index += i == 0;
		path.size += i == 1 ? 8 : 0;
		path.count -= i == 2;
		path.count += i == 3;
		path.hashes[2][7] ^= i == 4;
		path.index = i == 5 ? 13 : path.index;
		assert_false(merkle_climb(leaves[5], &path, root) &&
				memcmp(root, merkle_root(tree), MERKLE_BYTES) == 0);
	}
	assert_true(merkle_climb(leaves[6], &good, root));
	assert_memory_not_equal(root, merkle_root(tree), MERKLE_BYTES);
	struct merkle_path nowhere = { .count = MERKLE_PATH_MAX + 1, .size = 1 };
	assert_false(merkle_climb(leaves[0], &nowhere, root));
	struct merkle_path huge = { .size = MERKLE_LEAVES_MAX + 1, .count = 21 };
	assert_false(merkle_climb(leaves[0], &huge, root));
	merkle_destroy(tree);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_roots),
		cmocka_unit_test(test_every_path_leads_to_the_root),
		cmocka_unit_test(test_what_does_not_lead_to_the_root),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
