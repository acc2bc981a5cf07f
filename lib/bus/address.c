/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/address.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

enum transport { PLAIN, TLS, NOT_SPOKEN };

struct scheme {
	const char *name;
	enum transport transport;
};

static const struct scheme schemes[] = {
	{ "tcp", PLAIN },
	{ "mqtt", PLAIN },
	{ "ssl", TLS },
	{ "tls", TLS },
	{ "mqtts", TLS },
	{ "ws", NOT_SPOKEN },
	{ "wss", NOT_SPOKEN },
	{ "unix", NOT_SPOKEN },
};

static const struct scheme *find_scheme(const char *name, size_t size) {
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (strlen(schemes[i].name) == size &&
				strncasecmp(schemes[i].name, name, size) == 0) {
			return &schemes[i];
		}
	}
	return NULL;
}

static bool take_scheme(struct bus_address *address, const char **text, struct error *err) {
	const char *end = strstr(*text, "://");
	if (end == NULL) {
		return true;
	}
	int size = (int)(end - *text);
	const struct scheme *scheme = find_scheme(*text, (size_t)size);
	if (scheme == NULL) {
		return error_set(err, ERROR_INVALID,
				"broker address: the scheme \"%.*s\" is not known; use "
				"tcp://host:port or tls://host:port",
				size > 32 ? 32 : size, *text);
	}
	if (scheme->transport == NOT_SPOKEN) {
		return error_set(err, ERROR_UNSUPPORTED,
				"broker address: %s:// is not supported; use tcp://host:port or "
				"tls://host:port",
				scheme->name);
	}
	address->tls = scheme->transport == TLS;
	address->port = address->tls ? BUS_TLS_PORT : BUS_PORT;
	*text = end + 3;
	return true;
}

static bool parse_port(const char *digits, size_t size, uint16_t *port, struct error *err) {
	unsigned value = 0;
	for (size_t i = 0; i < size; i++) {
		if (digits[i] < '0' || digits[i] > '9' || i > 4) {
			value = 0;
			break;
		}
		value = value * 10 + (unsigned)(digits[i] - '0');
	}
	if (value == 0 || value > UINT16_MAX) {
		return error_set(err, ERROR_INVALID,
				"broker address: the port \"%.*s\" is not a number from 1 to 65535",
				size > 32 ? 32 : (int)size, digits);
	}
	*port = (uint16_t)value;
	return true;
}

static bool host_valid(const char *host) {
	for (const char *c = host; *c != '\0'; c++) {
		bool plain = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
			     (*c >= 'A' && *c <= 'Z') || strchr("-._", *c) != NULL;
		if (!plain) {
			return false;
		}
	}
	return *host != '\0';
}

static bool take_host(struct bus_address *address, const char *host, size_t size, bool six,
		struct error *err) {
	if (size >= BUS_HOST_MAX) {
		return error_set(err, ERROR_INVALID,
				"broker address: the host is over %d characters", BUS_HOST_MAX - 1);
	}
	memcpy(address->host, host, size);
	address->host[size] = '\0';
	struct in6_addr number;
	if (six ? inet_pton(AF_INET6, address->host, &number) != 1 : !host_valid(address->host)) {
		return error_set(err, ERROR_INVALID,
				"broker address: %s; use host:port, tcp://host:port or [::1]:port",
				size == 0 ? "the host is missing" : "the host is not valid");
	}
	return true;
}

/* Where the host ends and the port, if any, begins. */
struct cut {
	const char *host;
	size_t host_size;
	const char *port; /* NULL: none */
	bool six;
};

static bool cut_bracketed(const char *text, size_t size, struct cut *cut, struct error *err) {
	const char *close = memchr(text, ']', size);
	const char *end = text + size;
	if (close == NULL || (close + 1 != end && close[1] != ':')) {
		return error_set(err, ERROR_INVALID,
				"broker address: an IPv6 address is written [::1]:port");
	}
	*cut = (struct cut){ text + 1, (size_t)(close - text) - 1,
		close + 1 == end ? NULL : close + 2, true };
	return true;
}

static bool cut_host(const char *text, size_t size, struct cut *cut, struct error *err) {
	if (size != 0 && text[0] == '[') {
		return cut_bracketed(text, size, cut, err);
	}
	const char *colon = memchr(text, ':', size);
	if (colon == NULL || memchr(colon + 1, ':', size - (size_t)(colon + 1 - text)) != NULL) {
		*cut = (struct cut){ text, size, NULL, colon != NULL }; /* a bare ::1 */
		return true;
	}
	*cut = (struct cut){ text, (size_t)(colon - text), colon + 1, false };
	return true;
}

bool bus_address_parse(const char *text, struct bus_address *address, struct error *err) {
	*address = (struct bus_address){ .port = BUS_PORT };
	if (strchr(text, '@') != NULL) {
		return error_set(err, ERROR_INVALID,
				"broker address: it has an \"@\"; user name and password are "
				"settings of their own");
	}
	if (!take_scheme(address, &text, err)) {
		return false;
	}
	size_t size = strlen(text);
	if (size != 0 && text[size - 1] == '/') {
		size--;
	}
	struct cut cut = { 0 };
	if (!cut_host(text, size, &cut, err) ||
			!take_host(address, cut.host, cut.host_size, cut.six, err)) {
		return false;
	}
	return cut.port == NULL ||
	       parse_port(cut.port, (size_t)(text + size - cut.port), &address->port, err);
}
