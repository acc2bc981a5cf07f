/* SPDX-License-Identifier: Apache-2.0 */
/* Signs of TEEs: hints for people, from which nothing is concluded. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attest/attester_kinds.h"
#include "base/mem.h"
#include "base/str.h"

static const struct {
	const char *path, *meaning;
} files[] = {
	{ "/dev/sev-guest", "/dev/sev-guest is there: as root it may answer" },
	{ "/sys/kernel/config/tsm/report",
			"/sys/kernel/config/tsm/report is there: as root it may answer" },
	{ "/dev/tdx_guest",
			"/dev/tdx_guest is there: evidence of Intel TDX is not understood yet" },
	{ "/dev/sgx_enclave",
			"/dev/sgx_enclave is there: evidence of Intel SGX is not understood" },
	{ "/dev/sev", "/dev/sev is there: this is a host of confidential guests, not one of them" },
};

static const struct {
	const char *flag, *meaning;
} flags[] = {
	{ " tdx_guest", "this is an Intel TDX guest, whose evidence is not understood yet" },
	{ " sev_snp", "the CPU could host confidential guests, which proves nothing here" },
};

static void add(char *text, size_t size, const char *meaning) {
	size_t used = strlen(text);
	(void)snprintf(text + used, size - used, "%s%s", used == 0 ? "" : "; ", meaning);
}

/* Of the first processor; they are all alike. */
static char *read_flags(const char *root) {
	CLEANUP(mem_freep) char *path = str_format("%s/proc/cpuinfo", root);
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	bool found = false;
	while (file != NULL && !found && getline(&line, &room, file) > 0) {
		found = str_starts(line, "flags");
	}
	if (file != NULL) {
		(void)fclose(file);
	}
	return line; /* some other line, or NULL, where there are none */
}

static void add_flags(const char *root, char *text, size_t size) {
	CLEANUP(mem_freep) char *line = read_flags(root);
	for (size_t i = 0; line != NULL && i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (str_starts(line, "flags") && strstr(line, flags[i].flag) != NULL) {
			add(text, size, flags[i].meaning);
			break;
		}
	}
}

void attester_signs(const char *root, char *text, size_t size) {
	text[0] = 0;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		CLEANUP(mem_freep) char *path = str_format("%s%s", root, files[i].path);
		if (access(path, F_OK) == 0) {
			add(text, size, files[i].meaning);
		}
	}
	add_flags(root, text, size);
}
