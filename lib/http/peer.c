/* SPDX-License-Identifier: Apache-2.0 */
#include "http/peer.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"

struct peer {
	bool known;
	int code;        /* of GnuTLS: < 0: there is no certificate */
	unsigned status; /* what is wrong with it; 0: nothing */
};

/* What is known of a connection lives as long as it does. */
static void notify(void *context, struct MHD_Connection *connection, void **place,
		enum MHD_ConnectionNotificationCode code) {
	(void)context, (void)connection;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*place = MEM_NEW(struct peer);
	} else {
		free(*place);
		*place = NULL;
	}
}

bool peer_options(const struct tls_parts *tls, struct MHD_OptionItem items[PEER_OPTIONS]) {
	static const char versions[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
	size_t count = 0;
	bool has_cert = tls != NULL && tls->cert != NULL;
	if (has_cert) {
		items[count++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0, tls->cert };
		items[count++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0, tls->key };
		items[count++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0,
			(void *)(uintptr_t)versions };
	}
	if (has_cert && tls->ca != NULL) {
		items[count++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_TRUST, 0, tls->ca };
		items[count++] = (struct MHD_OptionItem){ MHD_OPTION_NOTIFY_CONNECTION,
			(intptr_t)notify, NULL };
	}
	items[count] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
	return has_cert;
}

static void look(struct peer *peer, struct MHD_Connection *connection) {
	const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	gnutls_typed_vdata_st purpose = { .type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT };
	peer->code = info == NULL ? GNUTLS_E_NO_CERTIFICATE_FOUND
				  : gnutls_certificate_verify_peers(
						    info->tls_session, &purpose, 1, &peer->status);
	peer->known = true;
}

static bool refuse(const struct peer *peer, struct error *err) {
	gnutls_datum_t words = { 0 };
	if (peer->code < 0) {
		return error_set(err, ERROR_DENIED,
				"there is no client certificate; this server takes only clients "
				"that show one");
	}
	(void)gnutls_certificate_verification_status_print(
			peer->status, GNUTLS_CRT_X509, &words, 0);
	(void)error_set(err, ERROR_DENIED, "the client certificate is refused: %s",
			words.data != NULL ? (const char *)words.data : "it cannot be verified");
	gnutls_free(words.data);
	return false;
}

bool peer_trusted(struct MHD_Connection *connection, struct error *err) {
	const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct peer unknown = { .code = -1 };
	struct peer *peer = info != NULL && info->socket_context != NULL ? info->socket_context
									 : &unknown;
	if (!peer->known) {
		look(peer, connection);
	}
	return (peer->code == 0 && peer->status == 0) || refuse(peer, err);
}
