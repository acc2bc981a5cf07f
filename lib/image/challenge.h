/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a registry wants when it answers 401: the header WWW-Authenticate (RFC 9110, 11.6.1;
 * docker's token protocol), several of which may stand in one text.
 */
#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"

enum challenge_kind { CHALLENGE_BASIC, CHALLENGE_BEARER };

struct challenge {
	enum challenge_kind kind;
	char *realm, *service, *scope; /* CHALLENGE_BEARER; NULL where it does not say */
};

/* Bearer wins over Basic. ERROR_UNSUPPORTED if neither is in it. */
bool challenge_parse(const char *text, struct challenge *challenge, struct error *err) MUST_CHECK;
void challenge_finish(struct challenge *challenge);
