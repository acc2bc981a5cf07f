/* SPDX-License-Identifier: Apache-2.0 */
/* From a registry, or from the cache, into an open file. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/proxy.h"

/* The same manifest and the same member are the same module. */
static void make_key(
		const struct image_found *found, const char *member, char key[DIGEST_HEX_SIZE]) {
	CLEANUP(mem_freep)
	char *text = str_format("%s#%s", found->digest, member != NULL ? member : "");
	digest_hex(text, strlen(text), key);
}

static bool take(void *context, struct bytes piece, struct error *err) {
	return spool_write(context, piece, err);
}

static bool fetch(struct proxy *proxy, struct job *job, const char *key, struct content *content,
		struct error *err) {
	uint64_t begin = clock_ms();
	struct image_module module = { 0 };
	struct spool *spool = cache_spool(proxy->cache, err);
	if (spool == NULL) {
		return false;
	}
	if (!image_read(job->puller, take, spool, &module, err)) {
		spool_drop(spool);
		return false;
	}
	bool ok = spool_keep(spool, key, module.digest, content, err);
	log_info("pulled image=\"%s\" bytes=%llu sha256=%s path=\"%s\" ms=%llu", job->name,
			(unsigned long long)module.size, module.digest,
			module.path != NULL ? module.path : "",
			(unsigned long long)(clock_ms() - begin));
	free(module.path);
	return ok;
}

static bool resolve(struct proxy *proxy, struct job *job, const char *member,
		struct content *content, struct error *err) {
	struct image_found found;
	char key[DIGEST_HEX_SIZE];
	if (!image_resolve(job->puller, &found, err)) {
		return false;
	}
	make_key(&found, member, key);
	if (cache_find(proxy->cache, key, content)) {
		atomic_fetch_add(&proxy->counters.cache_hits, 1);
		return true;
	}
	atomic_fetch_add(&proxy->counters.pulls, 1);
	return fetch(proxy, job, key, content, err);
}

static void set_puller(struct proxy *proxy, struct job *job, struct image_puller *puller) {
	(void)pthread_mutex_lock(&proxy->lock);
	job->puller = puller;
	if (proxy->closing && puller != NULL) {
		image_cancel(puller);
	}
	(void)pthread_mutex_unlock(&proxy->lock);
}

static bool pull(struct proxy *proxy, struct job *job, struct content *content, struct error *err) {
	const struct proxy_settings *settings = proxy->settings;
	struct image_reference reference;
	if (!image_reference_parse(job->name, &reference, err)) {
		return false;
	}
	const struct image_options options = { .reference = &reference,
		.credentials = &settings->credentials,
		.plain = &settings->plain,
		.ca = settings->registry_tls.ca,
		.quiet_ms = (unsigned)settings->quiet_ms,
		.timeout_ms = settings->pull_ms,
		.size_max = settings->size_max };
	struct image_puller *puller = image_puller_create(&options, err);
	bool ok = puller != NULL;
	if (ok) {
		set_puller(proxy, job, puller);
		ok = resolve(proxy, job, reference.member, content, err);
		set_puller(proxy, job, NULL);
	}
	image_puller_destroy(puller);
	image_reference_finish(&reference);
	return ok;
}

static struct job *next_job(struct proxy *proxy) {
	(void)pthread_mutex_lock(&proxy->lock);
	while (proxy->first == NULL && !proxy->closing) {
		(void)pthread_cond_wait(&proxy->changed, &proxy->lock);
	}
	struct job *job = proxy->first;
	if (job != NULL) {
		proxy->first = job->next;
		proxy->last = proxy->first != NULL ? proxy->last : NULL;
		job->state = JOB_PULLS;
	}
	(void)pthread_mutex_unlock(&proxy->lock);
	return job;
}

static bool is_closing(struct proxy *proxy) {
	(void)pthread_mutex_lock(&proxy->lock);
	bool closing = proxy->closing;
	(void)pthread_mutex_unlock(&proxy->lock);
	return closing;
}

/* Who asks from now on begins a new job. */
static void forget(struct proxy *proxy, struct job *job) {
	(void)pthread_mutex_lock(&proxy->lock);
	(void)map_remove(proxy->jobs, job->name);
	(void)pthread_mutex_unlock(&proxy->lock);
}

static void do_job(struct proxy *proxy, struct job *job) {
	struct content content = { .fd = -1 };
	struct error err;
	bool closing = is_closing(proxy);
	bool ok = !closing && pull(proxy, job, &content, &err);
	if (!ok) {
		forget(proxy, job);
		atomic_fetch_add(&proxy->counters.pull_failures, 1);
	}
	ok = ok && send_content(proxy, job, &content, &err);
	file_closep(&content.fd);
	if (closing || (!ok && is_closing(proxy))) {
		error_set(&err, ERROR_INTERRUPTED, "the proxy was stopped: ask again");
	}
	if (!ok) {
		request_refuse(proxy, job->name, &err);
	}
	free(job->name);
	free(job);
}

void *pull_run(void *context) {
	struct proxy *proxy = context;
	for (;;) {
		struct job *job = next_job(proxy);
		if (job == NULL) {
			return NULL;
		}
		do_job(proxy, job);
	}
}

void pull_close(struct proxy *proxy) {
	const char *name;
	void *value;
	(void)pthread_mutex_lock(&proxy->lock);
	proxy->closing = true;
	for (size_t at = 0; map_next(proxy->jobs, &at, &name, &value);) {
		struct job *job = value;
		if (job->puller != NULL) {
			image_cancel(job->puller);
		}
	}
	(void)pthread_cond_broadcast(&proxy->changed);
	(void)pthread_mutex_unlock(&proxy->lock);
}
