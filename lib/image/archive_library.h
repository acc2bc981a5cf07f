/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * libarchive, from the first archive on: with what it brings along (XML, Unicode, C++) it takes
 * 2.6 MB of a program that mostly pulls modules which are layers themselves. The functions are in a
 * table under their own names.
 */
#include <archive.h>
#include <archive_entry.h>

#include "base/attr.h"
#include "base/error.h"

#define ARCHIVE_FUNCTIONS(ROW)                                                                     \
	ROW(archive_read_new)                                                                      \
	ROW(archive_read_append_filter)                                                            \
	ROW(archive_read_support_format_tar)                                                       \
	ROW(archive_read_open)                                                                     \
	ROW(archive_read_next_header)                                                              \
	ROW(archive_read_data_block)                                                               \
	ROW(archive_read_free)                                                                     \
	ROW(archive_error_string)                                                                  \
	ROW(archive_set_error)                                                                     \
	ROW(archive_entry_pathname)                                                                \
	ROW(archive_entry_filetype)                                                                \
	ROW(archive_entry_hardlink)                                                                \
	ROW(archive_entry_size)

struct archive_library {
	void *handle;
#define ARCHIVE_MEMBER(name) __typeof__(name) *(name);
	ARCHIVE_FUNCTIONS(ARCHIVE_MEMBER)
#undef ARCHIVE_MEMBER
};

/* ERROR_UNSUPPORTED: it is not installed. Once there, it stays in the process. */
bool archive_library_open(struct archive_library *library, struct error *err) MUST_CHECK;
void archive_library_close(struct archive_library *library); /* {0} is fine */
