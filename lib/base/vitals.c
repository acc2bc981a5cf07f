/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vitals.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { STAT_MAX = 1024 };

/* proc_pid_stat(5): of what stands behind the name, which may itself have blanks and brackets. */
enum { STAT_THREADS = 17, STAT_START = 19, STAT_VIRTUAL = 20, STAT_RESIDENT = 21, STAT_FIELDS };

static void read_stat(double fields[STAT_FIELDS]) {
	char text[STAT_MAX] = "";
	FILE *file = fopen("/proc/self/stat", "re");
	if (file == NULL) {
		return;
	}
	text[fread(text, 1, sizeof(text) - 1, file)] = 0;
	(void)fclose(file);
	const char *at = strrchr(text, ')');
	for (int i = 0; at != NULL && i < STAT_FIELDS; i++) {
		at = strchr(at + 1, ' ');
		if (at != NULL) {
			(void)sscanf(at, " %lf", &fields[i]);
		}
	}
}

static double open_files(void) {
	unsigned count = 0;
	DIR *folder = opendir("/proc/self/fd");
	while (folder != NULL && readdir(folder) != NULL) {
		count++;
	}
	if (folder != NULL) {
		(void)closedir(folder);
	}
	return count > 3 ? count - 3 : 0; /* ".", ".." and the folder's own */
}

static double seconds_of(struct timeval time) {
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double clock_seconds(clockid_t clock) {
	struct timespec now = { 0 };
	(void)clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void vitals_read(struct vitals *vitals) {
	struct rusage usage = { 0 };
	struct rlimit files = { 0 };
	double stat[STAT_FIELDS] = { 0 };
	read_stat(stat);
	(void)getrusage(RUSAGE_SELF, &usage);
	(void)getrlimit(RLIMIT_NOFILE, &files);
	double booted = clock_seconds(CLOCK_REALTIME) - clock_seconds(CLOCK_BOOTTIME);
	*vitals = (struct vitals){
		.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime),
		.resident_bytes = stat[STAT_RESIDENT] * (double)sysconf(_SC_PAGESIZE),
		.virtual_bytes = stat[STAT_VIRTUAL],
		.open_fds = open_files(),
		.max_fds = (double)files.rlim_cur,
		.threads = stat[STAT_THREADS],
		.start_seconds = booted + stat[STAT_START] / (double)sysconf(_SC_CLK_TCK),
	};
}

void vitals_write(struct buf *out, bool open_metrics) {
	struct vitals v;
	struct error ignored;
	vitals_read(&v);
	const struct {
		const char *name, *total, *type, *help;
		int decimals;
		double value;
	} rows[] = {
		{ "process_cpu_seconds", "_total", "counter", "User and system time.", 6,
				v.cpu_seconds },
		{ "process_resident_memory_bytes", "", "gauge", "Resident memory.", 0,
				v.resident_bytes },
		{ "process_virtual_memory_bytes", "", "gauge", "Virtual memory.", 0,
				v.virtual_bytes },
		{ "process_open_fds", "", "gauge", "Open file descriptors.", 0, v.open_fds },
		{ "process_max_fds", "", "gauge", "The limit of open file descriptors.", 0,
				v.max_fds },
		{ "process_threads", "", "gauge", "Threads.", 0, v.threads },
		{ "process_start_time_seconds", "", "gauge",
				"When the process began, in seconds since 1970.", 2,
				v.start_seconds },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* A counter's family has no _total in OpenMetrics, and has it in the older form. */
		const char *suffix = open_metrics ? "" : rows[i].total;
		(void)!buf_printf(out, &ignored, "# TYPE %s%s %s\n# HELP %s%s %s\n%s%s %.*f\n",
				rows[i].name, suffix, rows[i].type, rows[i].name, suffix,
				rows[i].help, rows[i].name, rows[i].total, rows[i].decimals,
				rows[i].value);
	}
}
