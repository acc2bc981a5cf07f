/* SPDX-License-Identifier: Apache-2.0 */
/* Workload keys for operators: new ones, and those of single workers below one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "base/str.h"
#include "cli/cli.h"
#include "seal/keys.h"

static const char variable[] = "PROPELLER_WORKLOAD_KEY";

/* The channel's key: from the environment, or from the file that it names; never from argv. */
static char *root_text(struct error *err) {
	const char *value = getenv(variable), *file = getenv("PROPELLER_WORKLOAD_KEY_FILE");
	if (value != NULL && value[0] != 0) {
		return str_copy(value);
	}
	if (file == NULL || file[0] == 0) {
		error_set(err, ERROR_INVALID,
				"flag --for: the key of a worker is made from the channel's; put "
				"that into "
				"%s, or the name of a file with it into %s_FILE",
				variable, variable);
		return NULL;
	}
	char *text = secret_read(file, err);
	if (text == NULL) {
		(void)error_wrap(err, "%s_FILE", variable);
	}
	return text;
}

static struct seal_key *key_for(const char *worker, struct error *err) {
	CLEANUP(secret_wipe) char *text = root_text(err);
	struct seal_key *root = text != NULL ? seal_key_parse(text, err) : NULL;
	if (text != NULL && root == NULL) {
		(void)error_wrap(err, "%s", variable);
	}
	struct seal_key *key = root != NULL ? seal_key_for_worker(root, worker, err) : NULL;
	seal_key_destroy(root);
	return key;
}

int keys_new(const struct arguments *arguments, struct error *err) {
	const char *worker = arguments->flags[FLAG_FOR];
	struct seal_key *key = worker != NULL ? key_for(worker, err) : seal_key_generate(err);
	char text[SEAL_KEY_TEXT_SIZE];
	if (key == NULL) {
		return -1;
	}
	seal_key_text(key, text);
	(void)puts(text);
	explicit_bzero(text, sizeof(text));
	seal_key_destroy(key);
	return 0;
}
