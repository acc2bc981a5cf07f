/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate and key files: the good ones, and every way in which one cannot work. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/tls.h"
#include "base/tls_fixture.h"

/* A folder, the working directory meanwhile, with files of each kind. */
struct place {
	char *before, *folder;
	struct made ca, mine, other, old;
	char *key; /* of `mine` */
};

static void put(const char *name, const char *text, unsigned mode) {
	struct error err;
	assert_true(file_write(name, text, strlen(text), mode, &err));
	assert_int_equal(chmod(name, mode), 0);
}

static void put_both(const char *name, const struct made *made) {
	char path[64];
	CLEANUP(mem_freep) char *cert = made_cert(made), *key = made_key(made, NULL);
	(void)snprintf(path, sizeof(path), "%s.crt", name);
	put(path, cert, 0644);
	(void)snprintf(path, sizeof(path), "%s.key", name);
	put(path, key, 0600);
}

static void put_flawed(const struct place *place) {
	CLEANUP(mem_freep) char *cert = made_cert(&place->mine), *ca = made_cert(&place->ca);
	CLEANUP(mem_freep) char *chain = str_format("%s\n# words\n%s", cert, ca);
	CLEANUP(mem_freep) char *locked = made_key(&place->mine, "secret-word");
	put("chain.crt", chain, 0644);
	put("locked.key", locked, 0600);
	put("open.key", place->key, 0640);
	put("empty", "", 0600);
	put("words", "these are only words\n", 0600);
	chain[strlen(cert) + 100] = '!'; /* in the second certificate */
	put("damaged.crt", chain, 0644);
	cert[strlen(cert) / 2] = '\0';
	put("half.crt", cert, 0644);
}

static int set_up(void **state) {
	struct place *place = MEM_NEW(struct place);
	const char *base = getenv("TMPDIR");
	place->before = getcwd(NULL, 0);
	place->folder = str_format("%s/tls_test.XXXXXX", base != NULL ? base : "/tmp");
	if (mkdtemp(place->folder) == NULL || chdir(place->folder) != 0) {
		return -1;
	}
	place->ca = make_certificate(&(struct wish){ .name = "ca" });
	place->mine = make_certificate(&(struct wish){ .name = "mine", .issuer = &place->ca });
	place->other = make_certificate(&(struct wish){ .name = "other", .issuer = &place->ca });
	place->old = make_certificate(&(struct wish){ .name = "old",
			.issuer = &place->ca,
			.begin = -3L * A_DAY,
			.end = -2L * A_DAY });
	place->key = made_key(&place->mine, NULL);
	put_both("ca", &place->ca);
	put_both("mine", &place->mine);
	put_both("other", &place->other);
	put_both("old", &place->old);
	put_flawed(place);
	*state = place;
	return 0;
}

static int tear_down(void **state) {
	struct place *place = *state;
	static const char *const files[] = { "ca.crt", "ca.key", "mine.crt", "mine.key",
		"other.crt", "other.key", "old.crt", "old.key", "chain.crt", "locked.key",
		"open.key", "empty", "words", "damaged.crt", "half.crt" };
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)unlink(files[i]);
	}
	int result = chdir(place->before) == 0 && rmdir(place->folder) == 0 ? 0 : -1;
	made_finish(&place->ca);
	made_finish(&place->mine);
	made_finish(&place->other);
	made_finish(&place->old);
	free(place->key);
	free(place->before);
	free(place->folder);
	free(place);
	return result;
}

static struct tls_files files_of(const char *ca, const char *cert, const char *key) {
	return (struct tls_files){
		.ca = { "X_CA", ca }, .cert = { "X_CERT", cert }, .key = { "X_KEY", key }
	};
}

static void what_is_not_set_is_not_there(void **state) {
	(void)state;
	struct error err;
	struct tls_parts parts;
	struct tls_files files = files_of(NULL, "", NULL);
	assert_true(tls_read(&files, &parts, &err));
	assert_true(parts.ca == NULL && parts.cert == NULL && parts.key == NULL);
	tls_finish(&parts);
}

static void good_files_are_read(void **state) {
	const struct place *place = *state;
	static const struct {
		const char *ca, *cert, *key;
	} rows[] = { { "ca.crt", NULL, NULL }, { "", "mine.crt", "mine.key" },
		{ "chain.crt", "chain.crt", "mine.key" } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err;
		struct tls_parts parts;
		struct tls_files files = files_of(rows[i].ca, rows[i].cert, rows[i].key);
		if (!tls_read(&files, &parts, &err)) {
			fail_msg("%zu: %s", i, err.message);
		}
		assert_true((parts.ca != NULL) == (rows[i].ca != NULL && rows[i].ca[0] != 0));
		assert_true((parts.cert != NULL) == (rows[i].cert != NULL));
		assert_true((parts.key != NULL) == (rows[i].key != NULL));
		if (parts.key != NULL) { /* but for the newline at its end */
			assert_int_equal(strncmp(place->key, parts.key, strlen(parts.key)), 0);
		}
		tls_finish(&parts);
		tls_finish(&parts);
		assert_null(parts.key);
	}
}

static void bad_files_are_refused(void **state) {
	const struct place *place = *state;
	static const struct {
		const char *ca, *cert, *key, *setting, *says;
	} rows[] = {
		{ "none.crt", NULL, NULL, "X_CA", "none.crt: No such file" },
		{ ".", NULL, NULL, "X_CA", "not a regular file" },
		{ "empty", NULL, NULL, "X_CA", "does not hold certificates" },
		{ "words", NULL, NULL, "X_CA", "does not hold certificates" },
		{ "mine.key", NULL, NULL, "X_CA", "does not hold certificates" },
		{ "damaged.crt", NULL, NULL, "X_CA", "damaged" },
		{ "half.crt", NULL, NULL, "X_CA", "damaged" },
		{ NULL, "mine.crt", NULL, "X_CERT", "together with X_KEY" },
		{ NULL, NULL, "mine.key", "X_KEY", "together with X_CERT" },
		{ NULL, "none.crt", "mine.key", "X_CERT", "No such file" },
		{ NULL, "words", "mine.key", "X_CERT", "does not hold certificates" },
		{ NULL, "mine.crt", "none.key", "X_KEY", "No such file" },
		{ NULL, "mine.crt", "other.key", "X_KEY", "is not the key of the certificate" },
		{ NULL, "chain.crt", "ca.key", "X_KEY", "is not the key of the certificate" },
		{ NULL, "mine.crt", "words", "X_KEY", "does not hold a private key" },
		{ NULL, "mine.crt", "empty", "X_KEY", "is empty" },
		{ NULL, "mine.crt", "open.key", "X_KEY", "chmod 600" },
		{ NULL, "mine.crt", "locked.key", "X_KEY", "encrypted" },
		{ "ca.crt", "mine.crt", "other.key", "X_KEY", "is not the key" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err;
		struct tls_parts parts;
		struct tls_files files = files_of(rows[i].ca, rows[i].cert, rows[i].key);
		CLEANUP(mem_freep) char *begin = str_format("setting %s: ", rows[i].setting);
		assert_false(tls_read(&files, &parts, &err));
		if (!str_starts(err.message, begin) || strstr(err.message, rows[i].says) == NULL ||
				err.code != ERROR_INVALID) {
			fail_msg("%zu: %s", i, err.message);
		}
		assert_true(parts.ca == NULL && parts.cert == NULL && parts.key == NULL);
		assert_null(strstr(err.message, "PRIVATE KEY-----\n"));
	}
	assert_non_null(place->key);
}

/* Our clock may be what is wrong: the other end decides. */
static void a_certificate_out_of_time_is_told(void **state) {
	(void)state;
	struct error err;
	struct tls_parts parts;
	struct tls_files files = files_of(NULL, "old.crt", "old.key");
	int kept = dup(STDERR_FILENO);
	assert_non_null(freopen("words", "w", stderr));
	bool read = tls_read(&files, &parts, &err);
	(void)fflush(stderr);
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	(void)close(kept);
	struct buf text = BUF_INIT(4096);
	assert_true(read);
	assert_true(file_read("words", &text, &err));
	assert_non_null(strstr(buf_text(&text), "the certificate has expired"));
	assert_non_null(strstr(buf_text(&text), "file=old.crt"));
	buf_finish(&text);
	tls_finish(&parts);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_PLACE(what_is_not_set_is_not_there),
		WITH_PLACE(good_files_are_read),
		WITH_PLACE(bad_files_are_refused),
		WITH_PLACE(a_certificate_out_of_time_is_told),
	};
	return cmocka_run_group_tests_name("base/tls", tests, NULL, NULL);
}
