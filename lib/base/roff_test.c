/* SPDX-License-Identifier: Apache-2.0 */
#include "base/roff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char page[8192];
static FILE *out;

static void begin(void) {
	memset(page, 0, sizeof(page));
	out = fmemopen(page, sizeof(page), "w");
	assert_non_null(out);
}

static const char *end(void) {
	assert_int_equal(fclose(out), 0);
	return page;
}

/* Nothing in a text is a request, an escape or a dash that a reader could not copy. */
static void texts(void **state) {
	(void)state;
	static const struct {
		const char *text, *page;
	} rows[] = {
		{ "plain words", "plain words\n" },
		{ ".Sh is no section", "\\&.Sh is no section\n" },
		{ "'quoted", "\\&\\(aqquoted\n" },
		{ "a\\b", "a\\eb\n" },
		{ "take --flag", "take \\%\\-\\-flag\n" },
		{ "set A_B", "set \\%A_B\n" },
		{ "K=V,\xe2\x80\xa6", "K=V,\\[u2026]\n" },
		{ "gr\xc3\xbcn", "gr\\[u00FC]n\n" },
		{ "One. Two.", "One.\nTwo.\n" },
		{ "One.\nTwo", "One.\n.Pp\nTwo\n" },
		{ "`x` ~ ^ \"y\"", "\\(gax\\(ga \\(ti \\(ha \\(dqy\\(dq\n" },
		{ "", "\n" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin();
		roff_text(out, rows[i].text);
		assert_string_equal(end(), rows[i].page);
	}
}

static void long_texts_are_cut_into_lines(void **state) {
	(void)state;
	char text[1000] = "";
	for (int i = 0; i < 100; i++) {
		size_t used = strlen(text);
		(void)snprintf(text + used, sizeof(text) - used, "%s",
				i % 10 == 9 ? ".word " : "word ");
	}
	begin();
	roff_text(out, text);
	size_t longest = 0;
	for (const char *line = end(); *line != 0; line += strcspn(line, "\n") + 1) {
		size_t size = strcspn(line, "\n");
		longest = size > longest ? size : longest;
		assert_true(line[0] != '.');
	}
	assert_in_range(longest, 40, 80);
}

static void parts(void **state) {
	(void)state;
	begin();
	roff_begin(out, "a-program", 8, "does - things");
	roff_section(out, "FILES");
	roff_list_begin(out);
	roff_flag(out, "-x, --", "ex", "A|B");
	roff_flag(out, "--", "bare", NULL);
	roff_variable(out, "NAME");
	roff_words(out, ".Sh \"x\"");
	roff_list_end(out);
	roff_examples(out, "one --two\n.three\n");
	const char *all = end();
	assert_non_null(strstr(all, "\n.Dt A-PROGRAM 8\n"));
	assert_non_null(strstr(all,
			".Nm a-program\n.Nd does \\- things\n.Sh FILES\n.Bl -tag -width Ds\n"));
	assert_non_null(strstr(all, ".It Li \"\\&\\-x, \\-\\-ex\" Ar \"\\&A|B\"\n"
				    ".It Li \"\\&\\-\\-bare\"\n.It Ev NAME\n"
				    ".It Li \"\\&.Sh \\(dqx\\(dq\"\n.El\n"));
	assert_non_null(strstr(all, "\none \\-\\-two\n\\&.three\n.Ed\n"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(long_texts_are_cut_into_lines),
		cmocka_unit_test(parts),
	};
	return cmocka_run_group_tests_name("base/roff", tests, NULL, NULL);
}
