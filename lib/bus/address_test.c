/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void what_is_understood(void **state) {
	(void)state;
	static const struct {
		const char *text, *host;
		uint16_t port;
		bool tls;
	} rows[] = {
		{ "localhost", "localhost", 1883, false },
		{ "tcp://localhost:1884", "localhost", 1884, false },
		{ "TCP://broker.example.org", "broker.example.org", 1883, false },
		{ "mqtt://10.0.0.1:65535/", "10.0.0.1", 65535, false },
		{ "broker_1:1", "broker_1", 1, false },
		{ "[::1]:1884", "::1", 1884, false },
		{ "tcp://[fe80::1]", "fe80::1", 1883, false },
		{ "::1", "::1", 1883, false },
		{ "mqtts://broker.example.org", "broker.example.org", 8883, true },
		{ "tls://broker", "broker", 8883, true },
		{ "ssl://10.0.0.1:1883", "10.0.0.1", 1883, true },
		{ "TLS://[::1]/", "::1", 8883, true },
		{ "tls://[::1]:8884", "::1", 8884, true },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bus_address address;
		struct error err;
		assert_true(bus_address_parse(rows[i].text, &address, &err));
		assert_string_equal(address.host, rows[i].host);
		assert_int_equal(address.port, rows[i].port);
		assert_int_equal(address.tls, rows[i].tls);
	}
}

static void what_is_refused(void **state) {
	(void)state;
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "", "host is missing" },
		{ "tcp://", "host is missing" },
		{ "tcp://:1883", "host is missing" },
		{ "http://broker", "scheme \"http\"" },
		{ "ws://broker", "ws:// is not supported" },
		{ "wss://broker", "wss:// is not supported" },
		{ "unix:///run/broker", "unix:// is not supported" },
		{ "mqtt+tls://broker", "scheme \"mqtt+tls\"" },
		{ "tls://", "host is missing" },
		{ "broker:0", "port \"0\"" },
		{ "broker:65536", "port \"65536\"" },
		{ "broker:18x3", "port \"18x3\"" },
		{ "broker:", "port \"\"" },
		{ "broker:-1", "port \"-1\"" },
		{ "bro ker:1883", "host is not valid" },
		{ "[::1", "[::1]:port" },
		{ "[::1]1883", "[::1]:port" },
		{ "[broker]:1883", "host is not valid" },
		{ "1:2:3:4", "host is not valid" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bus_address address;
		struct error err = { 0 };
		assert_false(bus_address_parse(rows[i].text, &address, &err));
		if (strstr(err.message, rows[i].says) == NULL) {
			fail_msg("%s: %s", rows[i].text, err.message);
		}
	}
}

static void credentials_are_not_repeated(void **state) {
	(void)state;
	struct bus_address address;
	struct error err;
	assert_false(bus_address_parse("tcp://me:hunter2@broker:1883", &address, &err));
	assert_null(strstr(err.message, "hunter2"));
}

static void hosts_have_a_length(void **state) {
	(void)state;
	struct bus_address address;
	struct error err;
	char host[BUS_HOST_MAX + 1];
	memset(host, 'a', sizeof(host));
	host[BUS_HOST_MAX] = 0;
	assert_false(bus_address_parse(host, &address, &err));
	host[BUS_HOST_MAX - 1] = 0;
	assert_true(bus_address_parse(host, &address, &err));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_understood),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(credentials_are_not_repeated),
		cmocka_unit_test(hosts_have_a_length),
	};
	return cmocka_run_group_tests_name("bus/address", tests, NULL, NULL);
}
