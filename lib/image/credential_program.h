/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * docker's credential helpers: programs called docker-credential-NAME that keep passwords (or make
 * short-lived ones) and tell them on standard output. One is started for each question, found in
 * the absolute folders of PATH, with our environment but for our own settings, without any file of
 * ours; its standard error, which may say anything, is not read. It ends with the question.
 */
#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"

struct credential_question {
	const char *program; /* NAME */
	const char *server;  /* as the helper knows it: "ghcr.io", "https://index.docker.io/v1/" */
	/* Asked again and again while the helper works; false with err ends it. */
	bool (*may_wait)(void *context, struct error *err);
	void *context;
	unsigned timeout_ms; /* 0: 30 s */
};

/* Both NULL: it knows none for this server. For secret_wipe(). */
struct credential_answer {
	char *username, *password;
};

/* Letters, digits, '.', '_' and '-', none of the last three in front. */
bool credential_program_valid(const char *name);
/* ERROR_NOT_FOUND: there is no such program. ERROR_UNAVAILABLE: it failed, or said what cannot be
 * understood; never what it said. ERROR_TIMEOUT. ERROR_UNSUPPORTED: an identity token. */
bool credential_program_ask(const struct credential_question *question,
		struct credential_answer *answer, struct error *err) MUST_CHECK;
