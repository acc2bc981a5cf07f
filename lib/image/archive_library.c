/* SPDX-License-Identifier: Apache-2.0 */
#include "image/archive_library.h"

#include <dlfcn.h>
#include <stddef.h>

/* The one that <archive.h> is of. */
static const char file[] = "libarchive.so.13";

static const struct {
	const char *name;
	size_t offset; /* of its pointer in the table */
} functions[] = {
#define ARCHIVE_ROW(name) { #name, offsetof(struct archive_library, name) },
	ARCHIVE_FUNCTIONS(ARCHIVE_ROW)
#undef ARCHIVE_ROW
};

static bool find_all(struct archive_library *library) {
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *function = dlsym(library->handle, functions[i].name);
		if (function == NULL) {
			return false;
		}
		*(void **)((char *)library + functions[i].offset) = function;
	}
	return true;
}

bool archive_library_open(struct archive_library *library, struct error *err) {
	*library = (struct archive_library){ 0 };
	library->handle = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (library->handle != NULL && find_all(library)) {
		return true;
	}
	const char *why = dlerror();
	error_set(err, ERROR_UNSUPPORTED,
			"a layer that is an archive cannot be unpacked here: install %s (%s)", file,
			why != NULL ? why : "of another version");
	archive_library_close(library);
	return false;
}

void archive_library_close(struct archive_library *library) {
	if (library->handle != NULL) {
		(void)dlclose(library->handle);
	}
	*library = (struct archive_library){ 0 };
}
