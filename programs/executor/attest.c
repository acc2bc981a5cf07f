/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence for what was executed. Firmware answers slowly and one at a time, so one thread at a
 * time asks it: whoever finds nobody asking takes all orders that wait, and the others go on
 * executing. Receipts (profile 2) of a batch share one report over their Merkle root, so that slow
 * firmware makes batches larger and not fewer calls; profile 1 needs a report for each call.
 */
#include <stdlib.h>
#include <string.h>

#include "attest/attestation.h"
#include "attest/receipt.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/mem.h"
#include "executor/executor.h"

/* How many receipts share a report at most: none waits for ever for its neighbours. */
enum { BATCH_MAX = 1024 };
/* Certificates as JSON, and how long they are told again. */
enum { CERTIFICATES_MAX = 64 * 1024, CERTIFICATES_MS = 60 * 1000 };

struct batch {
	struct order *orders[BATCH_MAX];
	uint8_t leaves[BATCH_MAX][MERKLE_BYTES];
	size_t count;
	struct evidence evidence;
};

struct attestation {
	struct attester *attester; /* NULL: nothing can attest, */
	struct error why;          /* for this reason */
	pthread_mutex_t lock;
	bool asking;
	struct order *first, *last;
	struct batch batch; /* of the one who asks */
	pthread_mutex_t certificates_lock;
	struct buf certificates;        /* as they were answered, */
	uint64_t certificates_until_ms; /* and are until then; 0: nobody has asked */
};

struct attestation *attestation_open(const struct executor_settings *settings, struct error *err) {
	struct attestation *attestation = MEM_NEW(struct attestation);
	const struct attester_settings choice = { .choice = settings->attester,
		.vmpl = (unsigned)settings->vmpl };
	(void)pthread_mutex_init(&attestation->lock, NULL);
	(void)pthread_mutex_init(&attestation->certificates_lock, NULL);
	attestation->certificates = (struct buf)BUF_INIT(CERTIFICATES_MAX);
	attestation->attester = attester_open(&choice, &attestation->why);
	if (attestation->attester == NULL && attestation->why.code != ERROR_UNATTESTED) {
		*err = attestation->why;
		(void)error_wrap(err, "setting EXECUTOR_ATTESTER");
		attestation_close(attestation);
		return NULL;
	}
	if (attestation->attester == NULL) {
		(void)error_wrap(&attestation->why,
				"nothing is executed that nothing here attests (--attester sample "
				"is for development)");
	}
	return attestation;
}

void attestation_close(struct attestation *attestation) {
	if (attestation != NULL) {
		attester_close(attestation->attester);
		buf_finish(&attestation->certificates);
		(void)pthread_mutex_destroy(&attestation->certificates_lock);
		(void)pthread_mutex_destroy(&attestation->lock);
		free(attestation);
	}
}

bool attestation_possible(const struct attestation *attestation, struct error *err) {
	if (attestation->attester == NULL) {
		*err = attestation->why;
	}
	return attestation->attester != NULL;
}

const char *attestation_tee(const struct attestation *attestation) {
	return attestation->attester != NULL
			       ? evidence_tee_name(attester_tee(attestation->attester))
			       : "none";
}

/* --- one report for one call -------------------------------------------------------------------
 */

static void attest_alone(struct executor *executor, struct order *order) {
	struct evidence evidence;
	struct error err;
	evidence_init(&evidence);
	bool ok = attester_report(executor->attestation->attester, order->report_data, &evidence,
				  &err) &&
		  attestation_json(&evidence, &order->attestation, &err);
	atomic_fetch_add(&executor->counters.reports, 1);
	if (!ok) {
		(void)order_fail(order, &err);
	}
	evidence_finish(&evidence);
	pool_answer(executor->pool, order);
}

/* --- one report for many -----------------------------------------------------------------------
 */

static bool ask(struct executor *executor, struct batch *batch, const struct merkle *tree,
		struct error *err) {
	uint8_t data[EVIDENCE_DATA_BYTES];
	receipt_data(merkle_root(tree), (uint32_t)batch->count, data);
	atomic_fetch_add(&executor->counters.reports, 1);
	return attester_report(executor->attestation->attester, data, &batch->evidence, err);
}

/* A trailer has to stay small: a failed call's receipt comes without certificates. */
static bool write_receipt(struct order *order, const struct batch *batch, const struct merkle *tree,
		size_t index, struct error *err) {
	struct receipt receipt = { .statement = { order->statement.data, order->statement.size },
		.evidence = &batch->evidence };
	merkle_path(tree, index, &receipt.path);
	memcpy(receipt.root, merkle_root(tree), MERKLE_BYTES);
	return order->wants_json ? receipt_format(&receipt, &order->receipt_json, err)
				 : receipt_encode(&receipt, order->ok, &order->receipt, err);
}

/* Without its evidence a call has not happened: neither its result nor its trap is told. */
static void answer_batch(struct executor *executor, struct batch *batch, const struct merkle *tree,
		const struct error *why) {
	for (size_t i = 0; i < batch->count; i++) {
		struct order *order = batch->orders[i];
		struct error err;
		if (why != NULL || !write_receipt(order, batch, tree, i, &err)) {
			(void)order_fail(order, why != NULL ? why : &err);
		} else {
			atomic_fetch_add(&executor->counters.receipts, 1);
		}
		pool_answer(executor->pool, order);
	}
}

static void attest_batch(struct executor *executor, struct batch *batch) {
	struct error err;
	evidence_init(&batch->evidence);
	struct merkle *tree =
			merkle_create((const uint8_t(*)[MERKLE_BYTES])batch->leaves, batch->count);
	bool ok = ask(executor, batch, tree, &err);
	answer_batch(executor, batch, tree, ok ? NULL : &err);
	merkle_destroy(tree);
	evidence_finish(&batch->evidence);
	batch->count = 0;
}

static void add(struct executor *executor, struct batch *batch, struct order *order) {
	merkle_leaf((struct bytes){ order->statement.data, order->statement.size },
			batch->leaves[batch->count]);
	batch->orders[batch->count++] = order;
	if (batch->count == BATCH_MAX) {
		attest_batch(executor, batch);
	}
}

static void attest_all(struct executor *executor, struct batch *batch, struct order *orders) {
	while (orders != NULL) {
		struct order *order = orders;
		orders = order->next;
		if (order->profile == PROFILE_2) {
			add(executor, batch, order);
		} else {
			attest_alone(executor, order);
		}
	}
	if (batch->count != 0) {
		attest_batch(executor, batch);
	}
}

/* --- who asks ----------------------------------------------------------------------------------
 */

/* True if this thread is to ask now. */
static bool put(struct attestation *attestation, struct order *order) {
	order->next = NULL;
	(void)pthread_mutex_lock(&attestation->lock);
	*(attestation->first != NULL ? &attestation->last->next : &attestation->first) = order;
	attestation->last = order;
	bool mine = !attestation->asking;
	attestation->asking = true;
	(void)pthread_mutex_unlock(&attestation->lock);
	return mine;
}

/* NULL: none waits, and nobody asks any more. */
static struct order *take_all(struct attestation *attestation) {
	(void)pthread_mutex_lock(&attestation->lock);
	struct order *orders = attestation->first;
	attestation->first = attestation->last = NULL;
	attestation->asking = orders != NULL;
	(void)pthread_mutex_unlock(&attestation->lock);
	return orders;
}

void attest(struct executor *executor, struct order *order) {
	struct attestation *attestation = executor->attestation;
	if (!put(attestation, order)) {
		return;
	}
	struct order *orders;
	while ((orders = take_all(attestation)) != NULL) {
		attest_all(executor, &attestation->batch, orders);
	}
}

/* --- GET /v1/certificates ----------------------------------------------------------------------
 */

static bool put_certificate(const struct certificates *certificates, enum certificate which,
		bool first, struct buf *out, struct error *err) {
	struct bytes bytes = certificates_get(certificates, which);
	CLEANUP(mem_freep) char *text = base64_encode(bytes.data, bytes.size);
	return buf_printf(out, err, "%s\"%s\":\"%s\"", first ? "" : ",", certificate_name(which),
			text);
}

static bool put_certificates(const struct evidence *evidence, struct buf *out, struct error *err) {
	bool first = true;
	bool ok = buf_printf(out, err, "{\"tee\":\"%s\",%s\"certificates\":{",
			evidence_tee_name(evidence->tee),
			evidence->tee == EVIDENCE_SAMPLE ? "\"sample\":true," : "");
	for (int i = 0; ok && i < CERTIFICATES; i++) {
		if (certificates_get(&evidence->certificates, (enum certificate)i).size != 0) {
			ok = put_certificate(&evidence->certificates, (enum certificate)i, first,
					out, err);
			first = false;
		}
	}
	return ok && buf_printf(out, err, "}}\n");
}

static bool ask_certificates(struct attestation *attestation, struct error *err) {
	static const uint8_t nothing[EVIDENCE_DATA_BYTES];
	struct evidence evidence;
	evidence_init(&evidence);
	buf_clear(&attestation->certificates);
	bool ok = attester_report(attestation->attester, nothing, &evidence, err) &&
		  put_certificates(&evidence, &attestation->certificates, err);
	evidence_finish(&evidence);
	attestation->certificates_until_ms = ok ? clock_ms() + CERTIFICATES_MS : 0;
	return ok;
}

/* The platform gives them with every report, and they change when its firmware does. Everybody may
 * ask for them: so the firmware is asked once in a while, however often they do. */
bool attestation_certificates(struct attestation *attestation, struct buf *out, struct error *err) {
	if (!attestation_possible(attestation, err)) {
		return false;
	}
	(void)pthread_mutex_lock(&attestation->certificates_lock);
	bool ok = clock_ms() < attestation->certificates_until_ms ||
		  ask_certificates(attestation, err);
	const struct buf *kept = &attestation->certificates;
	ok = ok && buf_append(out, kept->data, kept->size, err);
	(void)pthread_mutex_unlock(&attestation->certificates_lock);
	return ok;
}
