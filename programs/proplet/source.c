/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/source.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/stop.h"
#include "http/download.h"
#include "proplet/keys.h"

/* For the cache's own thread, which may outlive the attempt. */
struct source {
	struct worker *worker;
	uint64_t size;
	struct buf bytes;    /* the module itself, if it is here already, */
	struct image *image; /* or an image, shared with everybody who waited for it */
	char *url;           /* or where it is: on a web server or, by its name, in a registry */
};

static void release(void *context) {
	struct source *source = context;
	buf_finish(&source->bytes);
	image_release(source->image);
	free(source->url);
	free(source);
}

static void cancel(void *context) {
	download_cancel(context);
}

/* `stop` may be NULL: then only the time limit ends it. */
static bool run_download(struct download *download, struct run_stop *stop, struct buf *wasm,
		struct error *err) {
	if (stop != NULL && !stop_watch(stop, cancel, download)) {
		return error_set(err, ERROR_INTERRUPTED, "stopped before the module was fetched");
	}
	bool ok = download_run(download, wasm, err);
	if (stop != NULL) {
		stop_unwatch(stop);
	}
	return ok;
}

static bool bring(const struct worker *worker, const char *url, struct run_stop *stop,
		struct buf *wasm, struct error *err) {
	struct strings hosts = { 0 };
	if (worker->settings->fetch_hosts != NULL) {
		strings_split(&hosts, worker->settings->fetch_hosts, ',');
	}
	const struct download_options options = { .url = url,
		.hosts = &hosts,
		.ca = worker->settings->fetch_tls.ca,
		.timeout_ms = worker->settings->fetch_ms };
	struct download *download = download_create(&options, err);
	bool ok = download != NULL && run_download(download, stop, wasm, err) &&
		  (wasm->size != 0 || error_set(err, ERROR_MODULE, "the file is empty"));
	download_destroy(download);
	strings_finish(&hosts);
	if (!ok && err->code == ERROR_DENIED) {
		err->code = ERROR_UNSUPPORTED;
		(void)error_wrap(err,
				"field \"image_url\": PROPLET_FETCH_HOSTS of this worker does "
				"not allow it");
	} else if (!ok) {
		(void)error_wrap(err, "field \"image_url\"");
	}
	return ok;
}

static bool pull(
		struct source *source, const char *name, struct run_stop *stop, struct error *err) {
	source->image = fetch_image(source->worker->fetcher, name, stop, err);
	return source->image != NULL || error_wrap(err, "field \"image_url\"");
}

static bool want_digest(const char *what, const char *is, const char *digest, struct error *err) {
	return strcmp(is, digest) == 0 ||
	       error_set(err, ERROR_INTEGRITY,
			       "field \"%s\": what came has the digest %s, the task wants %s", what,
			       is, digest);
}

static bool check_digest(const char *what, const uint8_t *bytes, size_t size, const char *digest,
		struct error *err) {
	char is[DIGEST_HEX_SIZE];
	digest_hex(bytes, size, is);
	return want_digest(what, is, digest, err);
}

/* What is known by its digest and not in the cache. */
static bool fetch_known(
		struct source *source, const char *digest, struct buf *wasm, struct error *err) {
	if (download_is_url(source->url)) {
		return bring(source->worker, source->url, NULL, wasm, err) &&
		       check_digest("image_url", wasm->data, wasm->size, digest, err);
	}
	return pull(source, source->url, NULL, err) &&
	       want_digest("image_url", image_digest(source->image), digest, err);
}

/* Images alone are lent. */
static struct module_text lend(void *context) {
	const struct source *source = context;
	return source->image == NULL ? (struct module_text){ 0 }
				     : (struct module_text){ image_bytes(source->image),
					       image_file(source->image) };
}

static bool fetch(void *context, const char *digest, struct buf *wasm, struct error *err) {
	struct source *source = context;
	wasm->limit = source->worker->settings->module_max;
	if (source->bytes.size != 0) {
		return buf_append(wasm, source->bytes.data, source->bytes.size, err);
	}
	if (source->image != NULL) {
		return true;
	}
	if (source->url != NULL) {
		return fetch_known(source, digest, wasm, err);
	}
	if (source->size > wasm->limit) {
		return error_set(err, ERROR_TOO_LARGE,
				"the module has %llu bytes, this worker takes up to %zu",
				(unsigned long long)source->size, wasm->limit);
	}
	return fetch_module(source->worker->fetcher, digest, source->size, wasm, err);
}

/* The module of the old form, out of its base64. */
static bool decode_inline(struct attempt *attempt, struct source *source, const char *digest,
		struct error *err) {
	struct command *command = &attempt->command;
	if (command->file == NULL) {
		return error_set(err, ERROR_UNSUPPORTED,
				"field \"file\" is missing: there is no module to run");
	}
	if (!base64_decode(command->file, strlen(command->file), &source->bytes, err)) {
		return error_wrap(err, "field \"file\"");
	}
	str_set(&command->file, NULL);
	if (!keys_open_inline(attempt->worker, command->checksum, &source->bytes, err)) {
		return false;
	}
	if (source->bytes.size == 0) {
		return error_set(err, ERROR_MODULE, "field \"file\": the module is empty");
	}
	return digest[0] == 0 ||
	       check_digest("file", source->bytes.data, source->bytes.size, digest, err);
}

static bool open_url(
		struct attempt *attempt, struct source *source, char *digest, struct error *err) {
	const char *url = attempt->command.work.image_url;
	if (digest[0] != 0) {
		source->url = str_copy(url);
		return true;
	}
	if (download_is_url(url)) {
		return bring(attempt->worker, url, attempt->stop, &source->bytes, err);
	}
	if (!pull(source, url, attempt->stop, err)) {
		return false;
	}
	memcpy(digest, image_digest(source->image), DIGEST_HEX_SIZE);
	return true;
}

static bool open_any(struct attempt *attempt, struct source *source, char digest[DIGEST_HEX_SIZE],
		struct error *err) {
	struct command *command = &attempt->command;
	bool has_file = command->file != NULL && command->file[0] != 0;
	bool ok = true;
	if (command->encrypted) {
		return error_set(err, ERROR_UNSUPPORTED,
				"field \"encrypted\": this worker does not run encrypted workloads "
				"yet");
	}
	memcpy(digest, command->work.digest, DIGEST_HEX_SIZE);
	if (command->work.image_url != NULL && !has_file) {
		ok = open_url(attempt, source, digest, err);
	} else if (command->number == 0) {
		ok = decode_inline(attempt, source, digest, err);
	}
	if (ok && digest[0] == 0) {
		digest_hex(source->bytes.data, source->bytes.size, digest);
	}
	return ok;
}

bool source_open(struct attempt *attempt, char digest[DIGEST_HEX_SIZE], struct module_source *from,
		struct error *err) {
	struct source *source = MEM_NEW(struct source);
	source->worker = attempt->worker;
	source->size = attempt->command.work.module_size;
	source->bytes = BUF_INIT(attempt->worker->settings->module_max);
	if (!open_any(attempt, source, digest, err)) {
		release(source);
		return false;
	}
	*from = (struct module_source){
		.fetch = fetch, .release = release, .context = source, .lend = lend
	};
	return true;
}
