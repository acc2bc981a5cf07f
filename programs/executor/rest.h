/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The REST surface: POST /v1/dtvm/execute and what stands around it (spec/executor-openapi.yaml).
 */
#include "executor/executor.h"

struct http_server *rest_open(struct executor *executor, struct error *err) MUST_CHECK;

/* metrics.c: appends the executor's numbers in the text form of Prometheus. */
void metrics_write(struct executor *executor, struct buf *out);
/* Counts an order by its end, before it is answered. */
void metrics_count(struct executor *executor, const struct order *order);
