// SPDX-License-Identifier: Apache-2.0
// Copies argv[1] to argv[2], lists the directory argv[3], and tries what argv[4] names.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const char *what) {
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	return 1;
}

static int copy(const char *from, const char *to) {
	char piece[1000];
	size_t size;
	FILE *in = fopen(from, "r");
	if (in == NULL) {
		return fail(from);
	}
	FILE *out = fopen(to, "w");
	if (out == NULL) {
		return fail(to);
	}
	while ((size = fread(piece, 1, sizeof piece, in)) > 0) {
		fwrite(piece, 1, size, out);
	}
	return fclose(in) | fclose(out);
}

static int list(const char *path) {
	const struct dirent *entry;
	struct stat stat_;
	DIR *folder = opendir(path);
	if (folder == NULL) {
		return fail(path);
	}
	while ((entry = readdir(folder)) != NULL) {
		if (fstatat(dirfd(folder), entry->d_name, &stat_, 0) == 0 && S_ISREG(stat_.st_mode)) {
			printf("%s %lld\n", entry->d_name, (long long)stat_.st_size);
		}
	}
	return closedir(folder);
}

int main(int argc, char **argv) {
	char made[256], moved[256];
	if (argc < 4 || copy(argv[1], argv[2]) != 0 || list(argv[3]) != 0) {
		return 1;
	}
	snprintf(made, sizeof made, "%s/made", argv[3]);
	snprintf(moved, sizeof moved, "%s/moved", argv[3]);
	if (mkdir(made, 0700) != 0 || rename(made, moved) != 0 || rmdir(moved) != 0) {
		return fail(made);
	}
	if (argc > 4 && open(argv[4], O_RDONLY) >= 0) {
		printf("opened %s\n", argv[4]);
		return 2;
	}
	return 0;
}
