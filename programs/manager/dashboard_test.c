/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/dashboard.h"

#include "manager/fixture.h"

/* What the page is made of is there, and no two forms have one tag. */
static void every_file_has_its_forms(void **state) {
	bool page = false;
	(void)state;
	for (size_t i = 0; i < dashboard_file_count; i++) {
		const struct dashboard_file *file = &dashboard_files[i];
		page = page || strcmp(file->name, "index.html") == 0;
		assert_true(file->plain.size != 0 && file->packed.size != 0);
		assert_memory_equal(file->packed.data, "\x1f\x8b", 2);
		assert_string_not_equal(file->plain.tag, file->packed.tag);
		for (size_t j = 0; j < i; j++) {
			assert_string_not_equal(file->name, dashboard_files[j].name);
			assert_string_not_equal(file->plain.tag, dashboard_files[j].plain.tag);
		}
	}
	assert_true(page);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_file_has_its_forms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
