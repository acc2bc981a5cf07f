/* SPDX-License-Identifier: Apache-2.0 */
/* From a registry, or from the cache, into an open file; once for all jobs that want it. */
#include <stdlib.h>
#include <string.h>

#include "base/beside.h"
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

/* What comes goes into a file, and beside that on its way. */
struct fetching {
	struct spool *spool;
	struct sender *sender; /* NULL: not before it is whole */
	struct beside *beside; /* with a sender: spools */
	struct bytes piece;
	bool spooled;
	struct error err;
};

static void spool_piece(void *context) {
	struct fetching *it = context;
	it->spooled = spool_write(it->spool, it->piece, &it->err);
}

static bool take(void *context, struct bytes piece, struct error *err) {
	struct fetching *it = context;
	if (it->sender == NULL) {
		return spool_write(it->spool, piece, err);
	}
	it->piece = piece;
	beside_begin(it->beside, spool_piece, it);
	bool sent = sender_feed(it->sender, piece, err);
	beside_wait(it->beside);
	if (sent && !it->spooled) {
		*err = it->err;
	}
	return sent && it->spooled;
}

static bool fetch(struct proxy *proxy, struct job *job, const char *key, struct content *content,
		struct error *err) {
	uint64_t begin = clock_ms();
	struct image_module module = { 0 };
	struct fetching it = { .spool = cache_spool(proxy->cache, err), .sender = job->sender };
	if (it.spool == NULL) {
		return false;
	}
	it.beside = it.sender != NULL ? beside_create() : NULL;
	bool ok = image_read(job->puller, take, &it, &module, err);
	beside_destroy(it.beside);
	if (!ok) {
		spool_drop(it.spool);
		return false;
	}
	ok = spool_keep(it.spool, key, module.digest, content, err);
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
	if (found.size != 0 && found.size <= proxy->settings->size_max) {
		job->sender = sender_create(proxy, job, found.size, found.module);
	}
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

/* --- the queue, under the lock -----------------------------------------------------------------
 */

/* Whether a thread may have it: not while another one pulls its image, which is then for both. */
static bool is_ready(const struct proxy *proxy, const struct job *job) {
	return proxy->closing || job->found != NULL || map_get(proxy->pulling, job->name) == NULL;
}

/* The first one that is ready, out of the queue; or NULL. */
static struct job *take_ready(struct proxy *proxy) {
	struct job *before = NULL, *job = proxy->first;
	while (job != NULL && !is_ready(proxy, job)) {
		before = job;
		job = job->next;
	}
	if (job != NULL) {
		*(before != NULL ? &before->next : &proxy->first) = job->next;
		proxy->last = proxy->last == job ? before : proxy->last;
		job->next = NULL;
	}
	return job;
}

static void drop_found(struct proxy *proxy, struct found *found) {
	if (found == NULL) {
		return;
	}
	(void)pthread_mutex_lock(&proxy->lock);
	bool last = --found->users == 0;
	(void)pthread_mutex_unlock(&proxy->lock);
	if (last) {
		file_closep(&found->content.fd);
		free(found);
	}
}

/* The image of this job is for all who wait for it by now. */
static void share(struct proxy *proxy, struct job *job) {
	(void)pthread_mutex_lock(&proxy->lock);
	for (struct job *other = proxy->first; other != NULL; other = other->next) {
		if (other->found == NULL && str_equal(other->name, job->name)) {
			other->found = job->found;
			job->found->users++;
		}
	}
	if (map_get(proxy->pulling, job->name) == job) {
		(void)map_remove(proxy->pulling, job->name);
	}
	(void)pthread_cond_broadcast(&proxy->changed);
	(void)pthread_mutex_unlock(&proxy->lock);
}

/* So is the reason why it does not come: the jobs that end with this one, in a list. */
static struct job *take_same(struct proxy *proxy, struct job *job) {
	struct job *same = NULL, **place = &proxy->first;
	(void)pthread_mutex_lock(&proxy->lock);
	if (map_get(proxy->pulling, job->name) == job) {
		(void)map_remove(proxy->pulling, job->name);
	}
	proxy->last = NULL;
	while (*place != NULL) {
		struct job *other = *place;
		if (!proxy->closing && other->found == NULL && str_equal(other->name, job->name)) {
			*place = other->next;
			other->next = same;
			same = other;
			(void)map_remove(proxy->jobs, other->key);
		} else {
			proxy->last = other;
			place = &other->next;
		}
	}
	(void)map_remove(proxy->jobs, job->key); /* who asks from now on begins a new job */
	(void)pthread_cond_broadcast(&proxy->changed);
	(void)pthread_mutex_unlock(&proxy->lock);
	return same;
}

static struct job *next_job(struct proxy *proxy) {
	struct job *job;
	(void)pthread_mutex_lock(&proxy->lock);
	while ((job = take_ready(proxy)) == NULL && !proxy->closing) {
		(void)pthread_cond_wait(&proxy->changed, &proxy->lock);
	}
	if (job != NULL) {
		job->state = JOB_PULLS;
		if (!proxy->closing && job->found == NULL) {
			(void)map_put(proxy->pulling, job->name, job);
		}
	}
	(void)pthread_mutex_unlock(&proxy->lock);
	return job;
}

/* --- one job -----------------------------------------------------------------------------------
 */

static bool is_closing(struct proxy *proxy) {
	(void)pthread_mutex_lock(&proxy->lock);
	bool closing = proxy->closing;
	(void)pthread_mutex_unlock(&proxy->lock);
	return closing;
}

static void finish_job(struct proxy *proxy, struct job *job) {
	sender_destroy(job->sender);
	drop_found(proxy, job->found);
	free(job->key);
	free(job->name);
	free(job->worker);
	free(job);
}

static void refuse(struct proxy *proxy, struct job *job, const struct error *why) {
	atomic_fetch_add(&proxy->counters.pull_failures, 1);
	answer_refuse(proxy, job, why);
	finish_job(proxy, job);
}

/* What our end broke has no other reason; what failed before that has. */
static void name_reason(struct proxy *proxy, struct error *why) {
	if (is_closing(proxy)) {
		error_set(why, ERROR_INTERRUPTED, "the proxy was stopped: ask again");
	}
}

static void fail(struct proxy *proxy, struct job *job, struct error *why) {
	name_reason(proxy, why);
	struct job *same = take_same(proxy, job);
	while (same != NULL) {
		struct job *next = same->next;
		refuse(proxy, same, why);
		same = next;
	}
	refuse(proxy, job, why);
}

/* False when the image does not come. */
static bool find(struct proxy *proxy, struct job *job, struct error *err) {
	struct content content = { .fd = -1 };
	if (job->found != NULL) {
		return true;
	}
	if (!pull(proxy, job, &content, err)) {
		return false;
	}
	job->found = MEM_NEW(struct found);
	*job->found = (struct found){ content, 1 };
	share(proxy, job);
	return true;
}

static bool send_all(struct proxy *proxy, struct job *job, struct error *err) {
	const struct content *content = &job->found->content;
	if (job->sender == NULL) {
		job->sender = sender_create(proxy, job, content->size, content->digest);
	}
	return sender_end(job->sender, content, err);
}

/* What went wrong for this one alone. */
static void fail_alone(struct proxy *proxy, struct job *job, struct error *why) {
	name_reason(proxy, why);
	(void)pthread_mutex_lock(&proxy->lock);
	(void)map_remove(proxy->jobs, job->key);
	(void)pthread_mutex_unlock(&proxy->lock);
	refuse(proxy, job, why);
}

static void do_job(struct proxy *proxy, struct job *job) {
	struct error err;
	if (is_closing(proxy) || !find(proxy, job, &err)) {
		fail(proxy, job, &err);
	} else if (!send_all(proxy, job, &err)) {
		fail_alone(proxy, job, &err);
	} else {
		finish_job(proxy, job);
	}
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
