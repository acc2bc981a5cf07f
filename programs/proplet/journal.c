/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/journal.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "bus/sealed.h"

static const char suffix[] = ".result";
static const char head[] = "airscrew result 1 ";
enum { HEAD_BYTES = sizeof(head) - 1, FIRST_LINE = HEAD_BYTES + DIGEST_HEX_SIZE };
enum { RESULT_MAX = 128 * 1024 * 1024 };

struct journal {
	char *folder;
	struct journal_seal seal; /* ring NULL: there is no key */
	uint64_t bytes;
};

/* The id of a task may hold what a file name cannot. */
static char *path_of(const struct journal *journal, const char *task_id, uint64_t attempt) {
	char name[DIGEST_HEX_SIZE];
	CLEANUP(mem_freep)
	char *key = str_format("%s#%llu", task_id, (unsigned long long)attempt);
	digest_hex((const uint8_t *)key, strlen(key), name);
	return str_format("%s/%s%s", journal->folder, name, suffix);
}

static uint64_t size_of(const char *path) {
	struct stat info;
	return stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
}

static void forget(struct journal *journal, uint64_t bytes) {
	journal->bytes -= bytes < journal->bytes ? bytes : journal->bytes;
}

/* A report as it lies on disk, or NULL. */
static char *encode(const struct journal *journal, const struct report *report, struct error *err) {
	char *text = report_encode(report);
	if (journal->seal.ring == NULL) {
		return text;
	}
	char *sealed = sealed_wrap(
			journal->seal.ring, SEAL_RESULT, journal->seal.worker, text, err);
	free(text);
	return sealed;
}

static bool decode(const struct journal *journal, struct bytes text, struct report *report,
		struct error *err) {
	struct buf plain = BUF_INIT(text.size);
	if (!sealed_is(text)) {
		return report_decode(report, text, err); /* of a time without a key */
	}
	bool ok = journal->seal.ring != NULL ||
		  error_set(err, ERROR_KEY_MISMATCH, "it is sealed, and there is no key here");
	ok = ok &&
	     sealed_unwrap(journal->seal.ring, SEAL_RESULT, journal->seal.worker, text, &plain,
			     err) &&
	     report_decode(report, (struct bytes){ plain.data, plain.size }, err);
	buf_finish(&plain);
	return ok;
}

bool journal_put(struct journal *journal, const struct report *report, struct error *err) {
	if (journal == NULL) {
		return true;
	}
	char digest[DIGEST_HEX_SIZE];
	CLEANUP(mem_freep) char *path = path_of(journal, report->task_id, report->attempt);
	CLEANUP(mem_freep) char *text = encode(journal, report, err);
	if (text == NULL) {
		return false;
	}
	digest_hex((const uint8_t *)text, strlen(text), digest);
	CLEANUP(mem_freep) char *whole = str_format("%s%s\n%s", head, digest, text);
	uint64_t size = strlen(whole), before = size_of(path);
	if (journal->bytes - before + size > JOURNAL_BYTES_MAX) {
		return error_set(err, ERROR_NO_SPACE,
				"the results that wait on disk have %llu bytes already",
				(unsigned long long)journal->bytes);
	}
	if (!file_write(path, whole, size, 0600, err)) {
		return false;
	}
	forget(journal, before);
	journal->bytes += size;
	return true;
}

void journal_drop(struct journal *journal, const char *task_id, uint64_t attempt) {
	if (journal == NULL) {
		return;
	}
	CLEANUP(mem_freep) char *path = path_of(journal, task_id, attempt);
	uint64_t size = size_of(path);
	if (unlink(path) == 0) {
		forget(journal, size);
	}
}

static bool check(struct bytes content, struct bytes *payload, struct error *err) {
	char digest[DIGEST_HEX_SIZE];
	const char *text = (const char *)content.data;
	if (content.size < FIRST_LINE || memcmp(text, head, HEAD_BYTES) != 0 ||
			text[FIRST_LINE - 1] != '\n') {
		return error_set(err, ERROR_INTEGRITY, "it does not begin as a result");
	}
	*payload = (struct bytes){ content.data + FIRST_LINE, content.size - FIRST_LINE };
	digest_hex(payload->data, payload->size, digest);
	return memcmp(text + HEAD_BYTES, digest, DIGEST_HEX_SIZE - 1) == 0 ||
	       error_set(err, ERROR_INTEGRITY, "its content is not what its first line promises");
}

static bool read_report(const struct journal *journal, const char *path, struct report *report,
		struct error *err) {
	struct buf content = BUF_INIT(RESULT_MAX);
	struct bytes payload;
	bool ok = file_read(path, &content, err) &&
		  check((struct bytes){ content.data, content.size }, &payload, err) &&
		  decode(journal, payload, report, err);
	buf_finish(&content);
	return ok;
}

static void move_aside(const char *path, const struct error *err) {
	CLEANUP(mem_freep) char *aside = str_format("%s.damaged", path);
	log_error("a result on disk is damaged, moved aside file=%s error=\"%s\"", aside,
			err->message);
	if (rename(path, aside) != 0) {
		log_error("it cannot be moved aside file=%s", path);
	}
}

void journal_each(struct journal *journal, journal_taker take, void *context) {
	DIR *dir = journal != NULL ? opendir(journal->folder) : NULL;
	for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
		struct report report;
		struct error err;
		if (!str_ends(entry->d_name, suffix)) {
			continue;
		}
		CLEANUP(mem_freep) char *path = str_format("%s/%s", journal->folder, entry->d_name);
		if (read_report(journal, path, &report, &err)) {
			take(context, &report);
		} else {
			forget(journal, size_of(path));
			move_aside(path, &err);
		}
	}
	if (dir != NULL) {
		(void)closedir(dir);
	}
}

struct journal *journal_open(const char *folder, const struct journal_seal *seal) {
	DIR *dir = folder != NULL ? opendir(folder) : NULL;
	if (dir == NULL) {
		return NULL;
	}
	struct journal *journal = MEM_NEW(struct journal);
	journal->folder = str_copy(folder);
	journal->seal = seal != NULL ? *seal : (struct journal_seal){ 0 };
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		CLEANUP(mem_freep) char *path = str_format("%s/%s", folder, entry->d_name);
		if (str_ends(entry->d_name, suffix)) {
			journal->bytes += size_of(path);
		} else if (strstr(entry->d_name, suffix) != NULL &&
				!str_ends(entry->d_name, ".damaged")) {
			(void)unlink(path); /* a write that a crash has cut off */
		}
	}
	(void)closedir(dir);
	return journal;
}

void journal_close(struct journal *journal) {
	if (journal != NULL) {
		free(journal->folder);
		free(journal);
	}
}
