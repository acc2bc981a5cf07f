/* SPDX-License-Identifier: Apache-2.0 */
/* wasi:filesystem: open files and directories, and their streams. Paths: component_paths.c. */
#include "engine/component_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static const struct {
	enum wasi_errno number;
	const char *name;
} codes[] = {
	{ WASI_ACCES, "access" },
	{ WASI_AGAIN, "would-block" },
	{ WASI_BADF, "bad-descriptor" },
	{ WASI_BUSY, "busy" },
	{ WASI_DQUOT, "quota" },
	{ WASI_EXIST, "exist" },
	{ WASI_FAULT, "invalid" },
	{ WASI_FBIG, "file-too-large" },
	{ WASI_INTR, "interrupted" },
	{ WASI_INVAL, "invalid" },
	{ WASI_IO, "io" },
	{ WASI_ISDIR, "is-directory" },
	{ WASI_LOOP, "loop" },
	{ WASI_MFILE, "insufficient-memory" },
	{ WASI_NAMETOOLONG, "name-too-long" },
	{ WASI_NFILE, "insufficient-memory" },
	{ WASI_NOENT, "no-entry" },
	{ WASI_NOMEM, "insufficient-memory" },
	{ WASI_NOSPC, "insufficient-space" },
	{ WASI_NOTDIR, "not-directory" },
	{ WASI_NOTEMPTY, "not-empty" },
	{ WASI_NOTSUP, "unsupported" },
	{ WASI_NXIO, "no-such-device" },
	{ WASI_OVERFLOW, "overflow" },
	{ WASI_PERM, "not-permitted" },
	{ WASI_ROFS, "read-only" },
	{ WASI_SPIPE, "invalid-seek" },
	{ WASI_TXTBSY, "text-file-busy" },
	{ WASI_XDEV, "cross-device" },
	{ WASI_NOTCAPABLE, "not-permitted" },
};

static const char *code_name(enum wasi_errno number) {
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (codes[i].number == number) {
			return codes[i].name;
		}
	}
	return "io";
}

enum wasi_errno host_ask(struct guest *guest, host_deed_fn deed, const uint64_t args[HOST_ARGS]) {
	wasmtime_val_raw_t raw[HOST_ARGS];
	for (size_t i = 0; i < HOST_ARGS; i++) {
		raw[i] = (wasmtime_val_raw_t){
			.i64 = (int64_t)args[i]
		}; /* an i32 is its low half */
	}
	const struct wasi_call call = { .guest = guest,
		.memory = guest->host->memory,
		.size = sizeof(guest->host->memory),
		.args = raw };
	return deed(&call);
}

void host_answer(const struct guest *guest, void *out, size_t size) {
	memcpy(out, guest->host->memory + HOST_OUT, size);
}

wasmtime_error_t *host_give(struct host_call *call, enum wasi_errno number) {
	if (number == WASI_SUCCESS) {
		host_give_ok(call, NULL);
	} else {
		host_give_err_name(call, code_name(number));
	}
	return NULL;
}

wasmtime_error_t *host_give_value(struct host_call *call, host_val_t value) {
	host_give_ok(call, &value);
	return NULL;
}

bool host_has_flag(const host_val_t *flags, const char *name) {
	for (size_t i = 0; i < flags->of.flags.size; i++) {
		const wasm_name_t *flag = &flags->of.flags.data[i];
		if (flag->size == strlen(name) && memcmp(flag->data, name, flag->size) == 0) {
			return true;
		}
	}
	return false;
}

/* --- errors ------------------------------------------------------------------------------------
 */

wasmtime_error_t *host_error_code(struct host_call *call) {
	host_val_t code = host_name(
			WASMTIME_COMPONENT_ENUM, code_name((enum wasi_errno)call->args[0].of.u32));
	*call->result = (host_val_t){ .kind = WASMTIME_COMPONENT_OPTION,
		.of.option = wasmtime_component_val_new(&code) };
	return NULL;
}

wasmtime_error_t *host_error_text(struct host_call *call) {
	*call->result = host_string(code_name((enum wasi_errno)call->args[0].of.u32));
	return NULL;
}

/* --- streams ------------------------------------------------------------------------------------
 */

static struct host_stream *stream_of(struct guest *guest, uint32_t number) {
	return &guest->host->streams[number - HOST_FILE_STREAM];
}

static struct wasi_file *file_of(struct guest *guest, uint32_t number) {
	const struct wasi_call call = { .guest = guest };
	return wasi_file(&call, number);
}

static void put_iovec(struct guest *guest, uint32_t place, uint32_t size) {
	const uint32_t iovec[2] = { place, size };
	memcpy(guest->host->memory + HOST_IOVEC, iovec, sizeof(iovec));
}

/* pread or pwrite of memory at `place`. */
static enum wasi_errno transfer(struct guest *guest, host_deed_fn deed, uint32_t file,
		const struct bytes *place, uint64_t at, uint32_t *moved) {
	put_iovec(guest, (uint32_t)(place->data - guest->host->memory), (uint32_t)place->size);
	enum wasi_errno bad = host_ask(guest, deed,
			(const uint64_t[HOST_ARGS]){ file, HOST_IOVEC, 1, at, HOST_OUT });
	*moved = 0;
	if (bad == WASI_SUCCESS) {
		host_answer(guest, moved, sizeof(*moved));
	}
	return bad;
}

enum wasi_errno host_stream_read(struct guest *guest, uint32_t number, size_t most, size_t *size) {
	struct host_stream *stream = stream_of(guest, number);
	const struct bytes place = { guest->host->memory + HOST_DATA, most };
	uint32_t moved;
	enum wasi_errno bad =
			transfer(guest, wasi_file_pread, stream->file, &place, stream->at, &moved);
	stream->at += moved;
	*size = moved;
	return bad;
}

static enum wasi_errno to_end(struct guest *guest, struct host_stream *stream) {
	uint64_t words[8];
	enum wasi_errno bad = host_ask(guest, wasi_file_stat,
			(const uint64_t[HOST_ARGS]){ stream->file, HOST_OUT });
	if (bad == WASI_SUCCESS) {
		host_answer(guest, words, sizeof(words));
		stream->at = words[4];
	}
	return bad;
}

enum wasi_errno host_stream_write(struct guest *guest, uint32_t number, size_t size) {
	struct host_stream *stream = stream_of(guest, number);
	enum wasi_errno bad = stream->append ? to_end(guest, stream) : WASI_SUCCESS;
	for (size_t done = 0; done < size && bad == WASI_SUCCESS;) {
		const struct bytes place = { guest->host->memory + HOST_DATA + done, size - done };
		uint32_t moved;
		bad = transfer(guest, wasi_file_pwrite, stream->file, &place, stream->at, &moved);
		bad = bad == WASI_SUCCESS && moved == 0 ? WASI_IO : bad;
		stream->at += moved;
		done += moved;
	}
	return bad;
}

void host_drop_stream(struct guest *guest, uint32_t number) {
	if (number < HOST_FILE_STREAM) {
		return;
	}
	struct host_stream *stream = stream_of(guest, number);
	(void)host_ask(guest, wasi_file_close, (const uint64_t[HOST_ARGS]){ stream->file });
	*stream = (struct host_stream){ 0 };
}

void host_drop_descriptor(struct guest *guest, uint32_t number) {
	const struct wasi_file *file = file_of(guest, number);
	if (file != NULL && file->preopen == NULL) { /* those can be had again */
		(void)host_ask(guest, wasi_file_close, (const uint64_t[HOST_ARGS]){ number });
	}
}

/* A descriptor of its own for a stream, since the first may be dropped before. */
static enum wasi_errno another(struct guest *guest, uint32_t number, uint32_t *other) {
	const struct wasi_file *file = file_of(guest, number);
	const struct wasi_call call = { .guest = guest };
	struct wasi_file copy = *file;
	copy.fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
	copy.list = NULL;
	copy.preopen = NULL;
	return copy.fd < 0 ? WASI_NFILE : wasi_file_add(&call, &copy, other);
}

static enum wasi_errno stream_add(
		struct guest *guest, const struct host_stream *of, uint32_t *number) {
	for (uint32_t i = 0; i < HOST_STREAMS_MAX; i++) {
		struct host_stream *stream = &guest->host->streams[i];
		if (stream->file == 0) {
			*stream = *of;
			*number = HOST_FILE_STREAM + i;
			return another(guest, of->file, &stream->file);
		}
	}
	return WASI_MFILE;
}

static wasmtime_error_t *give_stream(
		struct host_call *call, enum host_type type, const struct host_stream *of) {
	host_val_t value;
	uint32_t number = 0;
	enum wasi_errno bad = stream_add(call->guest, of, &number);
	if (bad != WASI_SUCCESS) {
		if (number != 0) {
			*stream_of(call->guest, number) = (struct host_stream){ 0 };
		}
		return host_give(call, bad);
	}
	wasmtime_error_t *error = host_own(call, type, number, &value);
	return error != NULL ? error : host_give_value(call, value);
}

static wasmtime_error_t *give_file_stream(struct host_call *call, enum host_type type, int right,
		const struct host_stream *of) {
	wasmtime_val_raw_t raw = { .i64 = of->file };
	const struct wasi_call asked = { .guest = call->guest, .args = &raw };
	struct wasi_file *file;
	enum wasi_errno bad = wasi_file_for(&asked, right, &file);
	if (bad == WASI_SUCCESS && of->at > INT64_MAX) {
		bad = WASI_INVAL;
	}
	return bad != WASI_SUCCESS ? host_give(call, bad) : give_stream(call, type, of);
}

wasmtime_error_t *host_file_read_stream(struct host_call *call) {
	const struct host_stream of = { .file = host_self(call), .at = call->args[1].of.u64 };
	return give_file_stream(call, HOST_INPUT, WASI_FD_READ, &of);
}

wasmtime_error_t *host_file_write_stream(struct host_call *call) {
	const struct host_stream of = { .file = host_self(call), .at = call->args[1].of.u64 };
	return give_file_stream(call, HOST_OUTPUT, WASI_FD_WRITE, &of);
}

wasmtime_error_t *host_file_append_stream(struct host_call *call) {
	const struct host_stream of = { .file = host_self(call), .append = true };
	return give_file_stream(call, HOST_OUTPUT, WASI_FD_WRITE, &of);
}

/* --- directories --------------------------------------------------------------------------------
 */

wasmtime_error_t *host_directories(struct host_call *call) {
	size_t count = call->guest->files != NULL ? call->guest->request->dir_count : 0;
	host_val_t list = { .kind = WASMTIME_COMPONENT_LIST };
	wasmtime_component_vallist_new_uninit(&list.of.list, count);
	memset(list.of.list.data, 0, count * sizeof(*list.of.list.data));
	wasmtime_error_t *error = NULL;
	for (uint32_t i = 0; i < count && error == NULL; i++) {
		host_val_t *pair = &list.of.list.data[i], directory;
		error = host_own(call, HOST_DESCRIPTOR, WASI_FILE_FIRST + i, &directory);
		if (error == NULL) {
			pair->kind = WASMTIME_COMPONENT_TUPLE;
			wasmtime_component_valtuple_new_uninit(&pair->of.tuple, 2);
			pair->of.tuple.data[0] = directory;
			pair->of.tuple.data[1] = host_string(call->guest->request->dirs[i].guest);
		}
	}
	*call->result = list;
	return error;
}

wasmtime_error_t *host_file_entries(struct host_call *call) {
	const struct wasi_file *file = file_of(call->guest, host_self(call));
	const struct host_stream of = { .file = host_self(call) };
	if (file == NULL || !file->folder) {
		return host_give(call, file == NULL ? WASI_BADF : WASI_NOTDIR);
	}
	return give_stream(call, HOST_ENTRIES, &of);
}

static const char *type_name(uint8_t type) {
	static const char *const names[] = { [1] = "block-device",
		[2] = "character-device",
		[3] = "directory",
		[4] = "regular-file",
		[7] = "symbolic-link" };
	return type < sizeof(names) / sizeof(names[0]) && names[type] != NULL ? names[type]
									      : "unknown";
}

/* The next entry: its type and name; *name is empty at the end. */
static enum wasi_errno next_entry(
		struct guest *guest, struct host_stream *stream, uint8_t *type, char name[256]) {
	enum { HEAD = 24, ROOM = HEAD + 255 };
	uint32_t used, size;
	name[0] = '\0';
	enum wasi_errno bad = host_ask(guest, wasi_file_readdir,
			(const uint64_t[HOST_ARGS]){
					stream->file, HOST_DATA, ROOM, stream->at, HOST_OUT });
	if (bad != WASI_SUCCESS) {
		return bad;
	}
	const uint8_t *entry = guest->host->memory + HOST_DATA;
	host_answer(guest, &used, sizeof(used));
	memcpy(&size, entry + 16, sizeof(size));
	if (used < HEAD || size > used - HEAD) {
		return WASI_SUCCESS;
	}
	memcpy(&stream->at, entry, sizeof(stream->at));
	*type = entry[20];
	memcpy(name, entry + HEAD, size);
	name[size] = '\0';
	return WASI_SUCCESS;
}

wasmtime_error_t *host_file_next_entry(struct host_call *call) {
	struct host_stream *stream = stream_of(call->guest, host_self(call));
	char name[256];
	uint8_t type = 0;
	enum wasi_errno bad;
	do {
		bad = next_entry(call->guest, stream, &type, name);
	} while (bad == WASI_SUCCESS && (str_equal(name, ".") || str_equal(name, "..")));
	if (bad != WASI_SUCCESS) {
		return host_give(call, bad);
	}
	host_val_t option = { .kind = WASMTIME_COMPONENT_OPTION };
	if (name[0] != '\0') {
		const struct host_field fields[] = {
			{ "type", host_name(WASMTIME_COMPONENT_ENUM, type_name(type)) },
			{ "name", host_string(name) },
		};
		host_val_t entry = host_record(fields, 2);
		option.of.option = wasmtime_component_val_new(&entry);
	}
	return host_give_value(call, option);
}

/* --- what files are -----------------------------------------------------------------------------
 */

static host_val_t time_of(uint64_t ns) {
	host_val_t time = host_datetime(ns / 1000000000, (uint32_t)(ns % 1000000000));
	return (host_val_t){ .kind = WASMTIME_COMPONENT_OPTION,
		.of.option = wasmtime_component_val_new(&time) };
}

/* Device, inode, type, links, size, and the times of access, modification and change. */
wasmtime_error_t *host_give_stat(struct host_call *call) {
	uint64_t words[8];
	host_answer(call->guest, words, sizeof(words));
	const struct host_field fields[] = {
		{ "type", host_name(WASMTIME_COMPONENT_ENUM, type_name((uint8_t)words[2])) },
		{ "link-count", host_u64(words[3]) },
		{ "size", host_u64(words[4]) },
		{ "data-access-timestamp", time_of(words[5]) },
		{ "data-modification-timestamp", time_of(words[6]) },
		{ "status-change-timestamp", time_of(words[7]) },
	};
	return host_give_value(call, host_record(fields, sizeof(fields) / sizeof(fields[0])));
}

wasmtime_error_t *host_give_hash(struct host_call *call) {
	uint64_t words[2];
	host_answer(call->guest, words, sizeof(words));
	const struct host_field fields[] = {
		{ "lower", host_u64(words[1]) },
		{ "upper", host_u64(words[0]) },
	};
	return host_give_value(call, host_record(fields, 2));
}

static enum wasi_errno ask_stat(struct host_call *call, uint32_t number) {
	return host_ask(call->guest, wasi_file_stat,
			(const uint64_t[HOST_ARGS]){ number, HOST_OUT });
}

wasmtime_error_t *host_file_stat(struct host_call *call) {
	enum wasi_errno bad = ask_stat(call, host_self(call));
	return bad != WASI_SUCCESS ? host_give(call, bad) : host_give_stat(call);
}

wasmtime_error_t *host_file_hash(struct host_call *call) {
	enum wasi_errno bad = ask_stat(call, host_self(call));
	return bad != WASI_SUCCESS ? host_give(call, bad) : host_give_hash(call);
}

wasmtime_error_t *host_file_same(struct host_call *call) {
	uint64_t one[2] = { 0 }, other[2] = { 0 };
	bool ok = ask_stat(call, host_self(call)) == WASI_SUCCESS;
	host_answer(call->guest, one, sizeof(one));
	ok = ok && ask_stat(call, call->args[1].of.u32) == WASI_SUCCESS;
	host_answer(call->guest, other, sizeof(other));
	*call->result = (host_val_t){ .kind = WASMTIME_COMPONENT_BOOL,
		.of.boolean = ok && memcmp(one, other, sizeof(one)) == 0 };
	return NULL;
}

wasmtime_error_t *host_file_type(struct host_call *call) {
	uint64_t words[3];
	enum wasi_errno bad = ask_stat(call, host_self(call));
	if (bad != WASI_SUCCESS) {
		return host_give(call, bad);
	}
	host_answer(call->guest, words, sizeof(words));
	return host_give_value(
			call, host_name(WASMTIME_COMPONENT_ENUM, type_name((uint8_t)words[2])));
}

wasmtime_error_t *host_file_flags(struct host_call *call) {
	const struct wasi_file *file = file_of(call->guest, host_self(call));
	if (file == NULL) {
		return host_give(call, WASI_BADF);
	}
	const struct {
		bool set;
		const char *name;
	} flags[] = {
		{ file->folder || (file->rights & WASI_RIGHT(WASI_FD_READ)) != 0, "read" },
		{ !file->folder && (file->rights & WASI_RIGHT(WASI_FD_WRITE)) != 0, "write" },
		{ file->folder && file->write, "mutate-directory" },
	};
	size_t used = 0;
	host_val_t value = { .kind = WASMTIME_COMPONENT_FLAGS };
	wasmtime_component_valflags_new_uninit(
			&value.of.flags, (size_t)flags[0].set + flags[1].set + flags[2].set);
	for (size_t i = 0; i < 3; i++) {
		if (flags[i].set) {
			wasm_byte_vec_new(&value.of.flags.data[used++], strlen(flags[i].name),
					flags[i].name);
		}
	}
	return host_give_value(call, value);
}

/* --- deeds --------------------------------------------------------------------------------------
 */

wasmtime_error_t *host_file_advise(struct host_call *call) {
	return host_give(call, host_ask(call->guest, wasi_file_advise,
					       (const uint64_t[HOST_ARGS]){ host_self(call) }));
}

wasmtime_error_t *host_file_sync(struct host_call *call) {
	return host_give(call, host_ask(call->guest, wasi_file_sync,
					       (const uint64_t[HOST_ARGS]){ host_self(call) }));
}

wasmtime_error_t *host_file_sync_data(struct host_call *call) {
	return host_give(call, host_ask(call->guest, wasi_file_datasync,
					       (const uint64_t[HOST_ARGS]){ host_self(call) }));
}

wasmtime_error_t *host_file_set_size(struct host_call *call) {
	return host_give(call, host_ask(call->guest, wasi_file_set_size,
					       (const uint64_t[HOST_ARGS]){ host_self(call),
							       call->args[1].of.u64 }));
}

/* A new-timestamp: no-change, now, timestamp(datetime). */
static enum wasi_errno time_get(const host_val_t *value, uint64_t set, uint64_t now, uint64_t *ns,
		uint64_t *flags) {
	if (value->kind != WASMTIME_COMPONENT_VARIANT) {
		return WASI_INVAL;
	}
	const wasm_name_t *name = &value->of.variant.discriminant;
	const host_val_t *time = value->of.variant.val;
	if (time == NULL) {
		*flags |= name->size == strlen("now") ? now : 0;
		return WASI_SUCCESS;
	}
	if (time->kind != WASMTIME_COMPONENT_RECORD || time->of.record.size != 2 ||
			time->of.record.data[0].val.kind != WASMTIME_COMPONENT_U64 ||
			time->of.record.data[1].val.kind != WASMTIME_COMPONENT_U32) {
		return WASI_INVAL;
	}
	uint64_t seconds = time->of.record.data[0].val.of.u64;
	if (seconds >= UINT64_MAX / 1000000000 - 10) {
		return WASI_OVERFLOW;
	}
	*ns = seconds * 1000000000 + time->of.record.data[1].val.of.u32;
	*flags |= set;
	return WASI_SUCCESS;
}

enum wasi_errno host_times(
		const struct host_call *call, size_t at, uint64_t times[2], uint64_t *flags) {
	enum { SET_ATIM = 1, SET_ATIM_NOW = 2, SET_MTIM = 4, SET_MTIM_NOW = 8 };
	*flags = times[0] = times[1] = 0;
	enum wasi_errno bad = time_get(&call->args[at], SET_ATIM, SET_ATIM_NOW, &times[0], flags);
	return bad != WASI_SUCCESS ? bad
				   : time_get(&call->args[at + 1], SET_MTIM, SET_MTIM_NOW,
						     &times[1], flags);
}

wasmtime_error_t *host_file_set_times(struct host_call *call) {
	uint64_t times[2], flags;
	enum wasi_errno bad = host_times(call, 1, times, &flags);
	if (bad == WASI_SUCCESS) {
		bad = host_ask(call->guest, wasi_file_set_times,
				(const uint64_t[HOST_ARGS]){
						host_self(call), times[0], times[1], flags });
	}
	return host_give(call, bad);
}

wasmtime_error_t *host_file_read(struct host_call *call) {
	uint64_t most = call->args[1].of.u64;
	const struct bytes place = { call->guest->host->memory + HOST_DATA,
		most < HOST_PIECE ? (size_t)most : HOST_PIECE };
	uint32_t moved;
	enum wasi_errno bad = transfer(call->guest, wasi_file_pread, host_self(call), &place,
			call->args[2].of.u64, &moved);
	if (bad != WASI_SUCCESS) {
		return host_give(call, bad);
	}
	host_val_t pair = { .kind = WASMTIME_COMPONENT_TUPLE };
	wasmtime_component_valtuple_new_uninit(&pair.of.tuple, 2);
	pair.of.tuple.data[0] = host_bytes(place.data, moved);
	pair.of.tuple.data[1] = (host_val_t){ .kind = WASMTIME_COMPONENT_BOOL,
		.of.boolean = moved == 0 && place.size != 0 };
	return host_give_value(call, pair);
}

/* As much as goes at once; it says how much that was. */
wasmtime_error_t *host_file_write(struct host_call *call) {
	const wasmtime_component_vallist_t *list = &call->args[1].of.list;
	uint8_t *data = call->guest->host->memory + HOST_DATA;
	size_t size = list->size < HOST_PIECE ? list->size : HOST_PIECE;
	for (size_t i = 0; i < size; i++) {
		data[i] = list->data[i].of.u8;
	}
	const struct bytes place = { data, size };
	uint32_t moved;
	enum wasi_errno bad = transfer(call->guest, wasi_file_pwrite, host_self(call), &place,
			call->args[2].of.u64, &moved);
	return bad != WASI_SUCCESS ? host_give(call, bad) : host_give_value(call, host_u64(moved));
}
