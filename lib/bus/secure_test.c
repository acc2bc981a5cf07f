/* SPDX-License-Identifier: Apache-2.0 */
/* Handshakes in memory: who is taken for the broker, who is not, and what is said about it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/tls_fixture.h"
#include "bus/secure.h"

static struct made ca, foreign, broker, expired, early, elsewhere, stranger, middle, below, worker;

static struct made issue(const struct made *issuer, const char *hosts, long begin, long end) {
	return make_certificate(&(struct wish){ "broker", issuer, hosts, begin, end, false, NULL });
}

static int set_up(void **state) {
	(void)state;
	static const char hosts[] = "DNS:broker.test,DNS:*.wild.test,IP:127.0.0.1,IP:::1";
	ca = make_certificate(&(struct wish){ .name = "ca" });
	foreign = make_certificate(&(struct wish){ .name = "ca" });
	broker = issue(&ca, hosts, 0, 0);
	expired = issue(&ca, hosts, -3L * A_DAY, -2L * A_DAY);
	early = issue(&ca, hosts, 2L * A_DAY, 3L * A_DAY);
	elsewhere = issue(&ca, "DNS:other.test,IP:10.0.0.1", 0, 0);
	stranger = issue(&foreign, hosts, 0, 0);
	middle = make_certificate(
			&(struct wish){ .name = "middle", .issuer = &ca, .authority = true });
	below = issue(&middle, hosts, 0, 0);
	worker = make_certificate(&(struct wish){ .name = "worker", .issuer = &ca });
	return 0;
}

static int tear_down(void **state) {
	(void)state;
	struct made *all[] = { &ca, &foreign, &broker, &expired, &early, &elsewhere, &stranger,
		&middle, &below, &worker };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		made_finish(all[i]);
	}
	return 0;
}

/* The broker's side: a certificate, what it asks of the client, its newest version. */
struct side {
	const struct made *cert, *chain;
	bool asks;
	int version;
	char name[64]; /* that the client asked for */
};

static int take_name(SSL *connection, int *alert, void *context) {
	struct side *side = context;
	const char *name = SSL_get_servername(connection, TLSEXT_NAMETYPE_host_name);
	(void)alert;
	(void)snprintf(side->name, sizeof(side->name), "%s", name != NULL ? name : "-");
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *open_broker(struct side *side) {
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	if (side->version != 0) {
		SSL_CTX_set_security_level(context, 0);
		assert_int_equal(SSL_CTX_set_min_proto_version(context, TLS1_VERSION), 1);
		assert_int_equal(SSL_CTX_set_max_proto_version(context, side->version), 1);
	}
	assert_int_equal(SSL_CTX_use_certificate(context, side->cert->cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(context, side->cert->key), 1);
	if (side->chain != NULL) {
		assert_int_equal(SSL_CTX_add1_chain_cert(context, side->chain->cert), 1);
	}
	if (side->asks) {
		SSL_CTX_set_verify(
				context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
		assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca.cert), 1);
	}
	SSL_CTX_set_tlsext_servername_callback(context, take_name);
	SSL_CTX_set_tlsext_servername_arg(context, side);
	return context;
}

/* True when it is over for this side. */
static bool turn(SSL *connection, int code) {
	int reason = SSL_get_error(connection, code);
	return code != 1 && reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE;
}

/* What libmosquitto does with OpenSSL's errors. */
static void hear_errors(struct secure *secure) {
	unsigned long code;
	while ((code = ERR_get_error()) != 0) {
		char text[256], line[300];
		ERR_error_string_n(code, text, sizeof(text));
		(void)snprintf(line, sizeof(line), "OpenSSL Error[0]: %s", text);
		secure_hear(secure, line);
	}
}

/* One byte each way, after which also what the broker has against the client is known. */
static bool shake_hands(struct secure *secure, SSL *client, SSL *server) {
	char byte;
	bool client_lost = false, server_lost = false;
	for (int i = 0; i < 20 && !client_lost; i++) {
		ERR_clear_error();
		client_lost = turn(client, SSL_connect(client));
		hear_errors(secure);
		server_lost = server_lost || turn(server, SSL_accept(server));
		ERR_clear_error();
		if (SSL_is_init_finished(server) && !server_lost) {
			(void)SSL_write(server, "x", 1);
		}
		if (SSL_is_init_finished(client)) {
			int code = SSL_read(client, &byte, 1);
			client_lost = turn(client, code);
			hear_errors(secure);
			if (code == 1) {
				return true;
			}
		}
	}
	assert_true(client_lost);
	return false;
}

struct attempt {
	bool connected;
	char reason[200];
	const char *hung_up; /* what would be said if the broker had just hung up */
};

static struct attempt attempt(const struct tls_parts *parts, const char *host, struct side *side) {
	struct error err;
	struct secure *secure = secure_create(parts, host, &err);
	assert_non_null(secure);
	SSL_CTX *context = open_broker(side);
	SSL *client = SSL_new(secure->context), *server = SSL_new(context);
	BIO *near, *far;
	assert_int_equal(BIO_new_bio_pair(&near, 0, &far, 0), 1);
	SSL_set_bio(client, near, near);
	SSL_set_bio(server, far, far);
	assert_int_equal(SSL_set_tlsext_host_name(client, "192.0.2.1"), 1); /* as libmosquitto */
	SSL_set_connect_state(client);
	struct attempt result = { .connected = shake_hands(secure, client, server) };
	(void)snprintf(result.reason, sizeof(result.reason), "%s", secure->reason);
	result.hung_up = secure_hung_up(secure);
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(context);
	secure_destroy(secure);
	return result;
}

static void assert_attempt(const struct attempt *got, const char *reason) {
	bool good = reason == NULL ? got->connected
				   : !got->connected && strstr(got->reason, reason) != NULL;
	if (!good) {
		fail_msg("connected: %d, reason \"%s\", expected \"%s\"", got->connected,
				got->reason, reason != NULL ? reason : "none");
	}
}

static void only_the_broker_is_taken(void **state) {
	(void)state;
	const struct {
		const char *host;
		struct side side;
		const char *reason; /* NULL: it is taken */
	} rows[] = {
		{ "broker.test", { .cert = &broker }, NULL },
		{ "BROKER.TEST", { .cert = &broker }, NULL },
		{ "a.wild.test", { .cert = &broker }, NULL },
		{ "127.0.0.1", { .cert = &broker }, NULL },
		{ "::1", { .cert = &broker }, NULL },
		{ "0:0::1", { .cert = &broker }, NULL },
		{ "broker.test", { .cert = &below, .chain = &middle }, NULL },
		{ "broker.test", { .cert = &broker, .version = TLS1_2_VERSION }, NULL },
		{ "broker.test", { .cert = &below }, "unable to get local issuer" },
		{ "broker.test", { .cert = &stranger }, "certificate signature failure" },
		{ "broker.test", { .cert = &expired }, "certificate has expired" },
		{ "broker.test", { .cert = &early }, "not yet valid" },
		{ "broker.test", { .cert = &elsewhere },
				"host name does not match: it is not made for broker.test" },
		{ "127.0.0.1", { .cert = &elsewhere },
				"host name does not match: it is not made for 127.0.0.1" },
		{ "a.b.wild.test", { .cert = &broker }, "host name does not match" },
		{ "wild.test", { .cert = &broker }, "host name does not match" },
		{ "127.0.0.2", { .cert = &broker }, "host name does not match" },
		{ "broker.test", { .cert = &broker, .version = TLS1_1_VERSION },
				"the broker refuses TLS with us: protocol version" },
	};
	CLEANUP(mem_freep) char *text = made_cert(&ca);
	const struct tls_parts parts = { .ca = text };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct side side = rows[i].side;
		struct attempt got = attempt(&parts, rows[i].host, &side);
		assert_attempt(&got, rows[i].reason);
	}
}

/* libmosquitto only knows the number that it connects to. */
static void the_name_is_asked_for(void **state) {
	(void)state;
	CLEANUP(mem_freep) char *text = made_cert(&ca);
	const struct tls_parts parts = { .ca = text };
	struct side side = { .cert = &broker };
	struct attempt got = attempt(&parts, "broker.test", &side);
	assert_attempt(&got, NULL);
	assert_string_equal(side.name, "broker.test");
	assert_string_equal(got.hung_up, "the broker hung up after the TLS handshake");
	got = attempt(&parts, "127.0.0.1", &side); /* a number is no name */
	assert_attempt(&got, NULL);
	assert_string_equal(side.name, "-");
}

static void the_broker_may_ask_who_we_are(void **state) {
	(void)state;
	CLEANUP(mem_freep) char *authority = made_cert(&ca), *other = made_cert(&foreign);
	CLEANUP(mem_freep) char *cert = made_cert(&worker), *key = made_key(&worker, NULL);
	CLEANUP(mem_freep)
	char *wrong = made_cert(&stranger), *wrong_key = made_key(&stranger, NULL);
	CLEANUP(mem_freep) char *low = made_cert(&below), *low_key = made_key(&below, NULL);
	CLEANUP(mem_freep) char *up = made_cert(&middle), *chain = str_format("%s%s", low, up);
	const struct {
		struct tls_parts parts;
		const char *reason, *hung_up;
	} rows[] = {
		{ { .ca = authority, .cert = cert, .key = key }, NULL, "may not take it" },
		{ { .ca = authority, .cert = chain, .key = low_key }, NULL, "may not take it" },
		{ { .ca = authority, .cert = low, .key = low_key },
				"does not know the authority of our certificate", "may not take" },
		{ { .ca = authority }, "certificate required", "set MQTT_TLS_CLIENT_CERT" },
		{ { .ca = authority, .cert = wrong, .key = wrong_key },
				"the broker refuses TLS with us: ", "may not take it" },
		{ { .ca = other, .cert = cert, .key = key }, "certificate signature failure", "" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct side side = { .cert = &broker, .asks = true };
		struct attempt got = attempt(&rows[i].parts, "broker.test", &side);
		assert_attempt(&got, rows[i].reason);
		assert_non_null(strstr(got.hung_up, rows[i].hung_up));
	}
}

static void without_authorities_the_systems_count(void **state) {
	(void)state;
	char path[] = "/tmp/secure_test.XXXXXX";
	struct side side = { .cert = &broker };
	struct attempt got = attempt(NULL, "broker.test", &side);
	assert_attempt(&got, "unable to get local issuer");
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	assert_int_equal(PEM_write_X509(file, ca.cert), 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(setenv("SSL_CERT_FILE", path, 1), 0);
	got = attempt(&(struct tls_parts){ 0 }, "broker.test", &side);
	(void)unsetenv("SSL_CERT_FILE");
	(void)remove(path);
	assert_attempt(&got, NULL);
}

static void words_of_openssl(void **state) {
	(void)state;
	static const struct {
		const char *line, *reason;
	} rows[] = {
		{ "OpenSSL Error[0]: error:0A00010B:SSL routines::wrong version number",
				"TLS: the broker does not speak it at this port" },
		{ "OpenSSL Error[0]: error:0A000126:SSL routines::unexpected eof while reading",
				"TLS: the broker hung up" },
		{ "Error: something else", "" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct secure secure = { 0 };
		secure_hear(&secure, rows[i].line);
		assert_string_equal(secure.reason, rows[i].reason);
		secure_hear(&secure, rows[0].line); /* only the first one counts */
		assert_string_equal(secure.reason,
				rows[i].reason[0] != 0 ? rows[i].reason : rows[0].reason);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_broker_is_taken),
		cmocka_unit_test(the_name_is_asked_for),
		cmocka_unit_test(the_broker_may_ask_who_we_are),
		cmocka_unit_test(without_authorities_the_systems_count),
		cmocka_unit_test(words_of_openssl),
	};
	return cmocka_run_group_tests_name("bus/secure", tests, set_up, tear_down);
}
