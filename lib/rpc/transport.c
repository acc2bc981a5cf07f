/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a connection, as they are or through TLS 1.3. */
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "rpc/inside.h"

/* OpenSSL's queue of errors belongs to the thread: leave nothing for the next connection. */
static long tls_outcome(struct rpc_connection *connection, int code) {
	int why = SSL_get_error(connection->ssl, code);
	ERR_clear_error();
	switch (why) {
	case SSL_ERROR_WANT_WRITE: connection->wants_write = true; return RPC_AGAIN;
	case SSL_ERROR_WANT_READ: return RPC_AGAIN;
	case SSL_ERROR_ZERO_RETURN: return 0;
	default: return RPC_BROKEN;
	}
}

static int at_most(size_t size) {
	return size < INT_MAX ? (int)size : INT_MAX;
}

static long outcome(ssize_t size) {
	if (size >= 0) {
		return (long)size;
	}
	return errno == EAGAIN || errno == EINTR ? RPC_AGAIN : RPC_BROKEN;
}

long rpc_transport_read(struct rpc_connection *connection, uint8_t *bytes, size_t size) {
	if (connection->ssl == NULL) {
		return outcome(recv(connection->fd, bytes, size, 0));
	}
	int got = SSL_read(connection->ssl, bytes, at_most(size));
	return got > 0 ? got : tls_outcome(connection, got);
}

long rpc_transport_write(struct rpc_connection *connection, const uint8_t *bytes, size_t size) {
	if (connection->ssl == NULL) {
		return outcome(send(connection->fd, bytes, size, MSG_NOSIGNAL));
	}
	int sent = SSL_write(connection->ssl, bytes, at_most(size));
	return sent > 0 ? sent : tls_outcome(connection, sent);
}

int rpc_transport_handshake(struct rpc_connection *connection) {
	int code = SSL_do_handshake(connection->ssl);
	if (code == 1) {
		return 1;
	}
	unsigned long reason = ERR_peek_error();
	long what = tls_outcome(connection, code);
	if (what != RPC_AGAIN) {
		log_debug("a TLS handshake failed peer=%s reason=\"%s\"", connection->peer,
				reason != 0 ? ERR_reason_error_string(reason) : "closed");
	}
	return what == RPC_AGAIN ? RPC_AGAIN : RPC_BROKEN;
}

/* --- its settings ---------------------------------------------------------------------------- */

static int choose_h2(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_size,
		const unsigned char *offered, unsigned offered_size, void *context) {
	(void)ssl, (void)context;
	for (unsigned at = 0; at < offered_size; at += offered[at] + 1U) {
		if (offered[at] == 2 && at + 2 < offered_size &&
				memcmp(offered + at + 1, "h2", 2) == 0) {
			*chosen = offered + at + 1;
			*chosen_size = 2;
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* The own certificate and those that lead to its authority, from one PEM text. */
static bool use_chain(SSL_CTX *tls, const char *text) {
	BIO *bio = BIO_new_mem_buf(text, -1);
	X509 *cert;
	bool ok = true;
	for (size_t i = 0; ok && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL; i++) {
		ok = (i == 0 ? SSL_CTX_use_certificate(tls, cert)
			     : SSL_CTX_add1_chain_cert(tls, cert)) == 1;
		X509_free(cert);
	}
	(void)BIO_free(bio);
	return ok;
}

static bool use_key(SSL_CTX *tls, const char *text) {
	BIO *bio = BIO_new_mem_buf(text, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)(uintptr_t) "");
	bool ok = key != NULL && SSL_CTX_use_PrivateKey(tls, key) == 1;
	EVP_PKEY_free(key);
	(void)BIO_free(bio);
	return ok;
}

/* Whom clients have to be known by. */
static bool use_authorities(SSL_CTX *tls, const char *text) {
	BIO *bio = BIO_new_mem_buf(text, -1);
	X509 *cert;
	bool ok = true;
	while (ok && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		ok = X509_STORE_add_cert(SSL_CTX_get_cert_store(tls), cert) == 1 &&
		     SSL_CTX_add_client_CA(tls, cert) == 1;
		X509_free(cert);
	}
	(void)BIO_free(bio);
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return ok;
}

SSL_CTX *rpc_transport_tls(const struct tls_parts *parts, struct error *err) {
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	bool ok = tls != NULL && SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) == 1 &&
		  SSL_CTX_set_num_tickets(tls, 0) == 1 && use_chain(tls, parts->cert) &&
		  parts->key != NULL && use_key(tls, parts->key) &&
		  (parts->ca == NULL || use_authorities(tls, parts->ca));
	ERR_clear_error();
	if (!ok) {
		SSL_CTX_free(tls);
		error_set(err, ERROR_INVALID,
				"the gRPC server cannot use its certificate, its key or its "
				"authorities; name PEM files that belong together");
		return NULL;
	}
	(void)SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
						    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
						    SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_alpn_select_cb(tls, choose_h2, NULL);
	return tls;
}
