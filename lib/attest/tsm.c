/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence from configfs-tsm (Linux 6.7 on, Documentation/ABI/testing/configfs-tsm-report): a
 * folder of one's own, 64 bytes into `inblob`, the report out of `outblob`. Each write moves
 * `generation`, by which it is seen that the report is an answer to our bytes and nobody else's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attest/attester_kinds.h"
#include "attest/ghcb.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"

#define FOLDER "/sys/kernel/config/tsm/report"

enum { TEXT_MAX = 64, TABLE_MAX = 64 << 10 };

struct tsm {
	char *folder; /* ours */
	unsigned vmpl;
};

static bool open_file(
		const struct tsm *tsm, const char *name, int flags, int *fd, struct error *err) {
	CLEANUP(mem_freep) char *path = str_format("%s/%s", tsm->folder, name);
	*fd = open(path, flags | O_CLOEXEC);
	return *fd >= 0 || error_errno(err, errno, "cannot open %s", path);
}

/* All of a file, which gives an error of its own where the platform does. */
static bool read_file(const struct tsm *tsm, const char *name, struct buf *out, struct error *err) {
	CLEANUP(file_closep) int fd = -1;
	uint8_t piece[4096];
	if (!open_file(tsm, name, O_RDONLY, &fd, err)) {
		return false;
	}
	ssize_t got;
	while ((got = read(fd, piece, sizeof(piece))) != 0) {
		if (got < 0 && errno != EINTR) {
			(void)error_errno(err, errno, "cannot read %s/%s", tsm->folder, name);
			err->code = ERROR_UNAVAILABLE;
			return false;
		}
		if (got > 0 && !buf_append(out, piece, (size_t)got, err)) {
			return error_wrap(err, "%s/%s", tsm->folder, name);
		}
	}
	return true;
}

/* In one write, as the kernel wants it. */
static bool write_file(
		const struct tsm *tsm, const char *name, struct bytes bytes, struct error *err) {
	CLEANUP(file_closep) int fd = -1;
	if (!open_file(tsm, name, O_WRONLY, &fd, err)) {
		return false;
	}
	ssize_t put = write(fd, bytes.data, bytes.size);
	if (put != (ssize_t)bytes.size) {
		(void)error_errno(err, put < 0 ? errno : EIO, "cannot write %s/%s", tsm->folder,
				name);
		err->code = ERROR_UNAVAILABLE;
		return false;
	}
	return true;
}

static bool read_line(
		const struct tsm *tsm, const char *name, char text[TEXT_MAX], struct error *err) {
	CLEANUP(buf_finish) struct buf line = BUF_INIT(TEXT_MAX - 1);
	if (!read_file(tsm, name, &line, err)) {
		return false;
	}
	(void)snprintf(text, TEXT_MAX, "%s", buf_text(&line));
	text[strcspn(text, "\n")] = 0;
	return true;
}

static bool read_generation(const struct tsm *tsm, uint64_t *value, struct error *err) {
	char text[TEXT_MAX];
	return read_line(tsm, "generation", text, err) && str_to_u64(text, value, err);
}

static bool has(const struct tsm *tsm, const char *name) {
	CLEANUP(mem_freep) char *path = str_format("%s/%s", tsm->folder, name);
	return access(path, F_OK) == 0;
}

/* Where nothing is said the VMPL is 0. Each write counts. */
static bool ask(const struct tsm *tsm, const uint8_t *data, uint64_t *writes, struct error *err) {
	uint8_t level = (uint8_t)('0' + tsm->vmpl);
	*writes = tsm->vmpl == 0 ? 1 : 2;
	return write_file(tsm, "inblob", (struct bytes){ data, EVIDENCE_DATA_BYTES }, err) &&
	       (tsm->vmpl == 0 || write_file(tsm, "privlevel", (struct bytes){ &level, 1 }, err));
}

static bool answer(const struct tsm *tsm, struct evidence *out, struct error *err) {
	CLEANUP(buf_finish) struct buf table = BUF_INIT(TABLE_MAX);
	out->tee = EVIDENCE_SEV_SNP;
	if (!read_file(tsm, "outblob", &out->report, err)) {
		return false;
	}
	return !has(tsm, "auxblob") ||
	       (read_file(tsm, "auxblob", &table, err) &&
			       ghcb_parse((struct bytes){ table.data, table.size },
					       &out->certificates, err));
}

static bool tsm_report(void *state, const uint8_t data[EVIDENCE_DATA_BYTES], struct evidence *out,
		struct error *err) {
	const struct tsm *tsm = state;
	uint64_t before, after, writes;
	if (!read_generation(tsm, &before, err) || !ask(tsm, data, &writes, err) ||
			!answer(tsm, out, err) || !read_generation(tsm, &after, err)) {
		return false;
	}
	return after == before + writes ||
	       error_set(err, ERROR_UNAVAILABLE,
			       "somebody else writes to %s as well: the report is dropped",
			       tsm->folder);
}

static void tsm_close(void *state) {
	struct tsm *tsm = state;
	(void)rmdir(tsm->folder);
	free(tsm->folder);
	free(tsm);
}

static bool check_provider(const struct tsm *tsm, struct error *err) {
	char provider[TEXT_MAX];
	if (!read_line(tsm, "provider", provider, err)) {
		return false;
	}
	return str_equal(provider, "sev_guest") ||
	       error_set(err, ERROR_UNSUPPORTED,
			       "evidence of %.40s is not understood yet (of sev_guest it is)",
			       provider);
}

static void *tsm_open(const struct attester_settings *settings, struct error *err) {
	const char *parent = settings->tsm_folder != NULL ? settings->tsm_folder : FOLDER;
	char id[UUID_SIZE];
	random_uuid(id);
	struct tsm *tsm = MEM_NEW(struct tsm);
	tsm->vmpl = settings->vmpl;
	tsm->folder = str_format("%s/airscrew-%s", parent, id);
	if (mkdir(tsm->folder, 0700) != 0) {
		error_errno(err, errno, "cannot make a folder in %s", parent);
		free(tsm->folder);
		free(tsm);
		return NULL;
	}
	if (!check_provider(tsm, err)) {
		tsm_close(tsm);
		return NULL;
	}
	return tsm;
}

const struct attester_kind attester_tsm = {
	.name = "configfs-tsm",
	.tee = EVIDENCE_SEV_SNP,
	.automatic = true,
	.open = tsm_open,
	.report = tsm_report,
	.close = tsm_close,
};
