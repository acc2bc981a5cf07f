/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/secure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/str.h"

static void bio_free(BIO **bio) {
	(void)BIO_free(*bio);
}

static void x509_free(X509 **cert) {
	X509_free(*cert);
}

static void pkey_free(EVP_PKEY **key) {
	EVP_PKEY_free(*key);
}

/* --- why it failed ---------------------------------------------------------------------------- */

static struct secure *secure_of(const SSL *connection) {
	return SSL_CTX_get_app_data(SSL_get_SSL_CTX(connection));
}

static void tell(struct secure *secure, const char *what, const char *words) {
	if (secure->reason[0] == '\0') {
		(void)snprintf(secure->reason, sizeof(secure->reason), "%s: %s", what, words);
	}
}

/* What to do about it; "": nothing that could be done here. */
static const char *advice(int code) {
	switch (code) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		return "; MQTT_TLS_CA_CERT names the authorities that are trusted";
	default: return "";
	}
}

/* Keeps what OpenSSL decided, and why. */
static int on_verified(int good, X509_STORE_CTX *store) {
	static const char subject[] = "the broker's certificate";
	const SSL *connection =
			X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct secure *secure = secure_of(connection);
	int code = X509_STORE_CTX_get_error(store);
	char words[160];
	if (good) {
		return good;
	}
	if (code == X509_V_ERR_HOSTNAME_MISMATCH || code == X509_V_ERR_IP_ADDRESS_MISMATCH) {
		(void)snprintf(words, sizeof(words),
				"host name does not match: it is not made for %.100s",
				secure->host);
	} else {
		(void)snprintf(words, sizeof(words), "%s%s", X509_verify_cert_error_string(code),
				advice(code));
	}
	tell(secure, subject, words);
	return good;
}

/* What OpenSSL has no words for, or too few. */
static const char *words_for(int alert) {
	switch (alert & 0xff) {
	case SSL_AD_CERTIFICATE_REQUIRED:
		return "certificate required; set MQTT_TLS_CLIENT_CERT and MQTT_TLS_CLIENT_KEY";
	case SSL_AD_UNKNOWN_CA:
		return "unknown CA: it does not know the authority of our certificate";
	default: return SSL_alert_desc_string_long(alert);
	}
}

/* OpenSSL is asked for our certificate, because the broker asks for it. */
static int on_asked(SSL *connection, void *context) {
	(void)context;
	secure_of(connection)->asked = true;
	return 1;
}

const char *secure_hung_up(const struct secure *secure) {
	if (!secure->asked) {
		return "the broker hung up after the TLS handshake";
	}
	return SSL_CTX_get0_certificate(secure->context) == NULL
			       ? "the broker hung up: it asks for a certificate; set "
				 "MQTT_TLS_CLIENT_CERT and MQTT_TLS_CLIENT_KEY"
			       : "the broker hung up: it asked for our certificate and may not "
				 "take it; "
				 "its log says why";
}

/*
 * A connect() on the same machine may have failed already: OpenSSL would take the error from the
 * socket and not tell it. And the name takes the place of the number that libmosquitto sends as
 * the server's name (SNI).
 */
static void begin(struct secure *secure, SSL *connection) {
	int number = 0;
	socklen_t size = sizeof(number);
	if (getsockopt(SSL_get_fd(connection), SOL_SOCKET, SO_ERROR, &number, &size) == 0 &&
			number != 0) {
		(void)snprintf(secure->reason, sizeof(secure->reason), "%s", strerror(number));
	}
	secure->asked = false;
	(void)SSL_set_tlsext_host_name(connection, secure->number ? NULL : secure->host);
}

/* What the broker has against us comes as an alert. */
static void on_progress(const SSL *connection, int where, int value) {
	struct secure *secure = secure_of(connection);
	if (where & SSL_CB_HANDSHAKE_START) {
		begin(secure, (SSL *)(uintptr_t)connection);
	}
	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && value >> 8 == SSL3_AL_FATAL) {
		tell(secure, "the broker refuses TLS with us", words_for(value));
	}
}

/* "OpenSSL Error[0]: error:0A00010B:SSL routines::wrong version number" */
void secure_hear(struct secure *secure, const char *line) {
	const char *words = strrchr(line, ':');
	if (!str_starts(line, "OpenSSL Error") || words == NULL) {
		return;
	}
	words++;
	if (strstr(words, "wrong version number") != NULL) {
		words = "the broker does not speak it at this port";
	} else if (strstr(words, "unexpected eof") != NULL) {
		words = "the broker hung up";
	}
	tell(secure, "TLS", words);
}

static void tell_failure(struct secure *secure, int kind, int number) {
	const char *words = ERR_reason_error_string(ERR_peek_error());
	bool gone = kind == SSL_ERROR_SYSCALL && (number == 0 || number == ECONNRESET);
	if (gone || (words != NULL && strstr(words, "unexpected eof") != NULL)) {
		tell(secure, "TLS",
				"the broker hung up in the handshake; is this its port for TLS?");
	} else if (kind == SSL_ERROR_SYSCALL) {
		tell(secure, "TLS", strerror(number));
	} else {
		char line[128];
		(void)snprintf(line, sizeof(line), "OpenSSL Error:%s",
				words != NULL ? words : "unknown");
		secure_hear(secure, line);
	}
	ERR_clear_error();
}

bool secure_shake(struct secure *secure, SSL *connection) {
	ERR_clear_error();
	errno = 0;
	int code = SSL_connect(connection), number = errno;
	int kind = SSL_get_error(connection, code);
	if (code == 1 || kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
		return true;
	}
	tell_failure(secure, kind, number);
	return false;
}

/*
 * libmosquitto takes an error that OpenSSL does not explain for a socket that is not connected yet,
 * and a handshake that has failed is not explained again. So it begins anew, with nothing to read
 * from: that is explained.
 */
void secure_break(SSL *connection) {
	if (connection != NULL && !SSL_is_init_finished(connection)) {
		BIO *nothing = BIO_new(BIO_s_null());
		(void)SSL_clear(connection);
		SSL_set_bio(connection, nothing, nothing);
	}
}

/* --- what it connects with -------------------------------------------------------------------- */

static bool trust(SSL_CTX *context, const char *ca) {
	if (ca == NULL) {
		return SSL_CTX_set_default_verify_paths(context) == 1;
	}
	CLEANUP(bio_free) BIO *bio = BIO_new_mem_buf(ca, -1);
	X509_STORE *store = SSL_CTX_get_cert_store(context);
	for (;;) {
		CLEANUP(x509_free) X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		if (cert == NULL) {
			break;
		}
		if (X509_STORE_add_cert(store, cert) != 1) {
			return false;
		}
	}
	ERR_clear_error(); /* the end of the text is one */
	return true;
}

/* The first certificate is ours; the others lead to its authority. */
static bool present(SSL_CTX *context, const struct tls_parts *parts) {
	CLEANUP(bio_free) BIO *certs = BIO_new_mem_buf(parts->cert, -1);
	CLEANUP(bio_free) BIO *keys = BIO_new_mem_buf(parts->key, -1);
	CLEANUP(x509_free) X509 *own = PEM_read_bio_X509(certs, NULL, NULL, NULL);
	CLEANUP(pkey_free) EVP_PKEY *key = PEM_read_bio_PrivateKey(keys, NULL, NULL, NULL);
	if (own == NULL || key == NULL || SSL_CTX_use_certificate(context, own) != 1 ||
			SSL_CTX_use_PrivateKey(context, key) != 1) {
		return false;
	}
	for (;;) {
		CLEANUP(x509_free) X509 *next = PEM_read_bio_X509(certs, NULL, NULL, NULL);
		if (next == NULL) {
			break;
		}
		if (SSL_CTX_add1_chain_cert(context, next) != 1) {
			return false;
		}
	}
	ERR_clear_error();
	return true;
}

static bool expect(SSL_CTX *context, const struct secure *secure) {
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context);
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return secure->number ? X509_VERIFY_PARAM_set1_ip_asc(param, secure->host) == 1
			      : X509_VERIFY_PARAM_set1_host(param, secure->host, 0) == 1;
}

static bool configure(
		SSL_CTX *context, const struct tls_parts *parts, const struct secure *secure) {
	bool has_cert = parts != NULL && parts->cert != NULL;
	(void)SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	(void)SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
							SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
							SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, on_verified);
	SSL_CTX_set_cert_cb(context, on_asked, NULL);
	SSL_CTX_set_info_callback(context, on_progress);
	return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
	       expect(context, secure) && trust(context, parts != NULL ? parts->ca : NULL) &&
	       (!has_cert || present(context, parts));
}

static bool is_number(const char *host) {
	struct in6_addr number;
	return inet_pton(AF_INET, host, &number) == 1 || inet_pton(AF_INET6, host, &number) == 1;
}

struct secure *secure_create(const struct tls_parts *parts, const char *host, struct error *err) {
	struct secure *secure = MEM_NEW(struct secure);
	secure->host = str_copy(host);
	secure->number = is_number(host);
	secure->context = SSL_CTX_new(TLS_client_method());
	if (secure->context == NULL || !configure(secure->context, parts, secure)) {
		const char *words = ERR_reason_error_string(ERR_peek_last_error());
		(void)error_set(err, ERROR_INVALID, "the TLS settings do not work: %s",
				words != NULL ? words : "OpenSSL does not say why");
		ERR_clear_error();
		secure_destroy(secure);
		return NULL;
	}
	(void)SSL_CTX_set_app_data(secure->context, secure);
	return secure;
}

void secure_destroy(struct secure *secure) {
	if (secure != NULL) {
		SSL_CTX_free(secure->context);
		free(secure->host);
		free(secure);
	}
}
