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

/* What comes goes into a file, and from there on its way. */
struct fetching {
	struct spool *spool;
	struct sender *sender; /* NULL: how large it is turns out at its end */
};

static bool take(void *context, struct bytes piece, struct error *err) {
	struct fetching *it = context;
	if (!spool_write(it->spool, piece, err)) {
		return false;
	}
	const struct content so_far = spool_content(it->spool);
	return it->sender == NULL || sender_feed(it->sender, &so_far, err);
}

static bool fetch(struct proxy *proxy, struct job *job, const char *key, struct sender *sender,
		struct content *content, struct error *err) {
	uint64_t begin = clock_ms();
	struct image_module module = { 0 };
	struct fetching it = { cache_spool(proxy->cache, err), sender };
	if (it.spool == NULL) {
		return false;
	}
	if (!image_read(job->puller, take, &it, &module, err)) {
		spool_drop(it.spool);
		return false;
	}
	bool ok = spool_keep(it.spool, key, module.digest, content, err);
	log_info("pulled image=\"%s\" bytes=%llu sha256=%s path=\"%s\" ms=%llu", job->name,
			(unsigned long long)module.size, module.digest,
			module.path != NULL ? module.path : "",
			(unsigned long long)(clock_ms() - begin));
	free(module.path);
	return ok;
}

static bool send_whole(struct proxy *proxy, struct job *job, struct sender *sender,
		struct content *content, struct error *err) {
	struct sender *own = sender == NULL ? sender_create(proxy, job, content->size) : NULL;
	bool ok = sender_end(sender != NULL ? sender : own, content, err);
	sender_destroy(own);
	file_closep(&content->fd);
	return ok;
}

static bool bring(struct proxy *proxy, struct job *job, const char *member, struct error *err) {
	struct image_found found;
	struct content content;
	char key[DIGEST_HEX_SIZE];
	if (!image_resolve(job->puller, &found, err)) {
		return false;
	}
	make_key(&found, member, key);
	if (cache_find(proxy->cache, key, &content)) {
		atomic_fetch_add(&proxy->counters.cache_hits, 1);
		return send_whole(proxy, job, NULL, &content, err);
	}
	atomic_fetch_add(&proxy->counters.pulls, 1);
	bool known = found.size != 0 && found.size <= proxy->settings->size_max;
	struct sender *sender = known ? sender_create(proxy, job, found.size) : NULL;
	bool ok = fetch(proxy, job, key, sender, &content, err) &&
		  send_whole(proxy, job, sender, &content, err);
	sender_destroy(sender);
	return ok;
}

static void set_puller(struct proxy *proxy, struct job *job, struct image_puller *puller) {
	(void)pthread_mutex_lock(&proxy->lock);
	job->puller = puller;
	if (proxy->closing && puller != NULL) {
		image_cancel(puller);
	}
	(void)pthread_mutex_unlock(&proxy->lock);
}

static bool pull(struct proxy *proxy, struct job *job, struct error *err) {
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
		ok = bring(proxy, job, reference.member, err);
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
	struct error err;
	if (is_closing(proxy) || !pull(proxy, job, &err)) {
		forget(proxy, job);
		atomic_fetch_add(&proxy->counters.pull_failures, 1);
		if (is_closing(proxy)) {
			error_set(&err, ERROR_INTERRUPTED, "the proxy was stopped: ask again");
		}
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
