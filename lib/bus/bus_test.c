/* SPDX-License-Identifier: Apache-2.0 */
/* With a real broker: mosquitto as a child of the test, killed and started again; all of it plain
 * and over TLS. */
#include "bus/bus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"
#include "base/tls_fixture.h"

enum { PATIENCE_MS = 60000 };

static struct broker {
	uint16_t port;
	pid_t pid;
	char address[32], config[64];
	struct tls_parts tls; /* what its clients take; {0}: plain */
	char files[3][64];    /* its authority, certificate and key */
} broker;

/* Between two looks at a condition that nobody signals. */
static void look_again(void) {
	(void)poll(NULL, 0, 2);
}

static bool port_answers(uint16_t port) {
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	(void)close(fd);
	return ok;
}

/* Below the ports that the kernel gives to outgoing connections. */
static uint16_t free_port(void) {
	for (;;) {
		uint16_t value;
		random_bytes(&value, sizeof(value));
		uint16_t port = (uint16_t)(10000 + value % 20000);
		if (!port_answers(port)) {
			return port;
		}
	}
}

static void start_broker(void) {
	broker.pid = fork();
	assert_true(broker.pid >= 0);
	if (broker.pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)!freopen("/dev/null", "w", stderr);
		(void)execlp("mosquitto", "mosquitto", "-c", broker.config, NULL);
		(void)execl("/usr/sbin/mosquitto", "mosquitto", "-c", broker.config, NULL);
		_exit(127);
	}
	uint64_t deadline = clock_ms() + PATIENCE_MS;
	while (!port_answers(broker.port)) {
		assert_int_equal(waitpid(broker.pid, NULL, WNOHANG), 0);
		assert_true(clock_ms() < deadline);
		look_again();
	}
}

static void kill_broker(void) {
	(void)kill(broker.pid, SIGKILL);
	(void)waitpid(broker.pid, NULL, 0);
	broker.pid = 0;
}

/* Who may read it is the broker's business: it is only for this test. */
static void write_text(char path[64], const char *name, char *text) {
	(void)snprintf(path, 64, "/tmp/bus_test.%d.%s", (int)getpid(), name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	(void)fputs(text, file);
	(void)fclose(file);
	free(text);
}

static void make_certificates(void) {
	struct made ca = make_certificate(&(struct wish){ .name = "ca" });
	struct made own = make_certificate(
			&(struct wish){ .name = "broker", .issuer = &ca, .hosts = "IP:127.0.0.1" });
	broker.tls.ca = made_cert(&ca);
	write_text(broker.files[0], "ca", str_copy(broker.tls.ca));
	write_text(broker.files[1], "crt", made_cert(&own));
	write_text(broker.files[2], "key", made_key(&own, NULL));
	made_finish(&ca);
	made_finish(&own);
}

static int set_up(void **state) {
	(void)state;
	broker.port = free_port();
	(void)snprintf(broker.config, sizeof(broker.config), "/tmp/bus_test.%d.conf",
			(int)getpid());
	(void)snprintf(broker.address, sizeof(broker.address), "%s://127.0.0.1:%u",
			broker.tls.ca != NULL ? "mqtts" : "tcp", broker.port);
	FILE *file = fopen(broker.config, "w");
	/* A change of user would make the kernel forget PR_SET_PDEATHSIG: without root, no effect.
	 */
	(void)fprintf(file,
			"user root\nlistener %u 127.0.0.1\nallow_anonymous true\npersistence "
			"false\n"
			"max_queued_messages 0\n",
			broker.port);
	if (broker.tls.ca != NULL) {
		(void)fprintf(file, "certfile %s\nkeyfile %s\n", broker.files[1], broker.files[2]);
	}
	(void)fclose(file);
	start_broker();
	return 0;
}

static int set_up_tls(void **state) {
	make_certificates();
	/* For the process that is started with an address alone. */
	(void)setenv("SSL_CERT_FILE", broker.files[0], 1);
	return set_up(state);
}

static int tear_down(void **state) {
	(void)state;
	kill_broker();
	(void)unlink(broker.config);
	for (size_t i = 0; i < 3 && broker.tls.ca != NULL; i++) {
		(void)unlink(broker.files[i]);
	}
	tls_finish(&broker.tls);
	return 0;
}

/* --- a client that remembers what it was told --------------------------------------------------
 */

struct ear {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned connected, disconnected, messages;
	char topic[64];
	char last[64];
	size_t size, bytes;
	char order[256];
};

static void on_connected(void *context) {
	struct ear *ear = context;
	(void)pthread_mutex_lock(&ear->lock);
	ear->connected++;
	(void)pthread_cond_broadcast(&ear->changed);
	(void)pthread_mutex_unlock(&ear->lock);
}

static void on_disconnected(void *context, const char *reason) {
	struct ear *ear = context;
	assert_non_null(reason);
	(void)pthread_mutex_lock(&ear->lock);
	ear->disconnected++;
	(void)pthread_cond_broadcast(&ear->changed);
	(void)pthread_mutex_unlock(&ear->lock);
}

static void on_message(void *context, const char *topic, struct bytes payload) {
	struct ear *ear = context;
	(void)pthread_mutex_lock(&ear->lock);
	(void)snprintf(ear->topic, sizeof(ear->topic), "%s", topic);
	ear->size = payload.size;
	ear->bytes += payload.size;
	size_t keep = payload.size < sizeof(ear->last) - 1 ? payload.size : sizeof(ear->last) - 1;
	memcpy(ear->last, payload.data != NULL ? payload.data : (const uint8_t *)"", keep);
	ear->last[keep] = 0;
	if (ear->messages < sizeof(ear->order) - 1) {
		ear->order[ear->messages] = ear->last[0];
	}
	ear->messages++;
	(void)pthread_cond_broadcast(&ear->changed);
	(void)pthread_mutex_unlock(&ear->lock);
}

static void ear_init(struct ear *ear) {
	*ear = (struct ear){ 0 };
	pthread_condattr_t monotonic;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&ear->changed, &monotonic);
	(void)pthread_mutex_init(&ear->lock, NULL);
}

static void ear_wait(struct ear *ear, const unsigned *counter, unsigned at_least) {
	struct timespec deadline;
	(void)clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += PATIENCE_MS / 1000;
	(void)pthread_mutex_lock(&ear->lock);
	int code = 0;
	while (*counter < at_least && code == 0) {
		code = pthread_cond_timedwait(&ear->changed, &ear->lock, &deadline);
	}
	(void)pthread_mutex_unlock(&ear->lock);
	assert_int_equal(code, 0);
}

static unsigned ear_messages(struct ear *ear) {
	(void)pthread_mutex_lock(&ear->lock);
	unsigned count = ear->messages;
	(void)pthread_mutex_unlock(&ear->lock);
	return count;
}

static struct bus *join(struct ear *ear, struct bus_options options) {
	struct error err;
	const struct bus_handlers handlers = { on_connected, on_disconnected, on_message, ear };
	ear_init(ear);
	options.address = options.address != NULL ? options.address : broker.address;
	options.tls = &broker.tls;
	options.keepalive_seconds = 30;
	options.message_max = options.message_max != 0 ? options.message_max : 1 << 20;
	struct bus *bus = bus_create(&options, &handlers, &err);
	assert_non_null(bus);
	return bus;
}

static void say(struct bus *bus, const char *topic, const char *text) {
	struct error err;
	if (!bus_publish(bus, topic, text, strlen(text), &err)) {
		fail_msg("%s", err.message);
	}
}

/* --- the tests ---------------------------------------------------------------------------------
 */

static void messages_arrive_in_their_order(void **state) {
	(void)state;
	for (int qos = 0; qos <= 2; qos++) {
		struct ear ear, mouth;
		struct bus *listener =
				join(&ear, (struct bus_options){ .client_id = "l", .qos = qos });
		bus_subscribe(listener, "room/+");
		ear_wait(&ear, &ear.connected, 1);
		struct bus *talker =
				join(&mouth, (struct bus_options){ .client_id = "t", .qos = qos });
		ear_wait(&mouth, &mouth.connected, 1);
		assert_true(bus_connected(talker));
		/* A subscription made while connected is granted some time later: ask until it is.
		 */
		for (char c[] = "!"; ear_messages(&ear) == 0;) {
			say(talker, "room/a", c);
			look_again();
		}
		unsigned before = ear_messages(&ear);
		for (char c = 'a'; c <= 'z'; c++) {
			const char text[] = { c, 0 };
			say(talker, "room/b", text);
		}
		ear_wait(&ear, &ear.messages, before + 26);
		bus_destroy(talker, 1000);
		bus_destroy(listener, 1000);
		const char *letters = strchr(ear.order, 'a');
		assert_non_null(letters);
		assert_memory_equal(letters, "abcdefghijklmnopqrstuvwxyz", 26);
		assert_string_equal(ear.topic, "room/b");
	}
}

/* What was published before the end is sent before the end. */
static void an_end_sends_what_is_there(void **state) {
	(void)state;
	struct ear ear, mouth;
	enum { SIZE = 500 * 1000 };
	CLEANUP(mem_freep) char *large = mem_zero(SIZE, 1);
	struct error err;
	struct bus *listener = join(&ear, (struct bus_options){ .client_id = "l", .qos = 1 });
	bus_subscribe(listener, "large");
	ear_wait(&ear, &ear.connected, 1);
	struct bus *talker = join(&mouth, (struct bus_options){ .client_id = "t", .qos = 1 });
	ear_wait(&mouth, &mouth.connected, 1);
	assert_true(bus_publish(talker, "large", large, SIZE, &err));
	assert_true(bus_publish(talker, "large", large, SIZE, &err));
	bus_destroy(talker, PATIENCE_MS);
	ear_wait(&ear, &ear.messages, 2);
	assert_int_equal(ear.bytes, 2 * SIZE);
	bus_destroy(listener, 0);
}

/* Whoever sends much waits for what is acknowledged, and not for ever. */
static void bulk_waits_for_the_broker(void **state) {
	(void)state;
	struct ear ear;
	struct error err;
	char large[64 * 1024] = { 0 };
	struct bus *bus = join(&ear, (struct bus_options){ .client_id = "w", .qos = 1 });
	ear_wait(&ear, &ear.connected, 1);
	for (int i = 0; i < 50; i++) {
		assert_true(bus_publish(bus, "nobody", large, sizeof(large), &err));
		assert_true(bus_wait(bus, 2, clock_ms() + PATIENCE_MS));
	}
	assert_true(bus_wait(bus, 0, clock_ms() + PATIENCE_MS));
	assert_int_equal(kill(broker.pid, SIGSTOP), 0);
	assert_true(bus_publish(bus, "nobody", large, sizeof(large), &err));
	uint64_t begin = clock_ms();
	assert_true(bus_wait(bus, 1, begin));
	assert_false(bus_wait(bus, 0, begin + 50));
	assert_true(clock_ms() >= begin + 50);
	assert_int_equal(kill(broker.pid, SIGCONT), 0);
	assert_true(bus_wait(bus, 0, clock_ms() + PATIENCE_MS));
	bus_destroy(bus, 1000);
}

static void it_comes_back_with_its_subscriptions(void **state) {
	(void)state;
	struct ear ear;
	struct error err;
	struct bus *bus = join(&ear, (struct bus_options){ .client_id = "b", .qos = 1 });
	bus_subscribe(bus, "echo");
	ear_wait(&ear, &ear.connected, 1);
	for (unsigned round = 1; round <= 2; round++) {
		kill_broker();
		ear_wait(&ear, &ear.disconnected, round);
		assert_false(bus_connected(bus));
		assert_false(bus_publish(bus, "echo", "x", 1, &err));
		assert_int_equal(err.code, ERROR_UNAVAILABLE);
		start_broker();
		ear_wait(&ear, &ear.connected, round + 1);
		say(bus, "echo", "hello"); /* granted before `connected` was called */
		ear_wait(&ear, &ear.messages, round);
		assert_string_equal(ear.last, "hello");
	}
	bus_destroy(bus, 1000);
}

static void what_is_unsubscribed_does_not_come_back(void **state) {
	(void)state;
	struct ear ear;
	struct bus *bus = join(&ear, (struct bus_options){ .client_id = "b", .qos = 1 });
	bus_subscribe(bus, "echo");
	bus_subscribe(bus, "other");
	ear_wait(&ear, &ear.connected, 1);
	say(bus, "echo", "1");
	ear_wait(&ear, &ear.messages, 1);
	bus_unsubscribe(bus, "echo");
	bus_unsubscribe(bus, "never was");
	say(bus, "echo", "2"); /* one connection: the broker sees it after the UNSUBSCRIBE */
	say(bus, "other", "3");
	ear_wait(&ear, &ear.messages, 2);
	assert_string_equal(ear.last, "3");
	kill_broker();
	ear_wait(&ear, &ear.disconnected, 1);
	start_broker();
	ear_wait(&ear, &ear.connected, 2);
	say(bus, "echo", "4");
	say(bus, "other", "5");
	ear_wait(&ear, &ear.messages, 3);
	assert_string_equal(ear.last, "5");
	assert_int_equal(ear_messages(&ear), 3);
	bus_destroy(bus, 1000);
}

static void an_absent_broker_is_waited_for(void **state) {
	(void)state;
	struct ear ear;
	kill_broker();
	struct bus *bus = join(&ear, (struct bus_options){ .client_id = "b" });
	assert_false(bus_connected(bus));
	start_broker();
	ear_wait(&ear, &ear.connected, 1);
	bus_destroy(bus, 1000);
}

static void an_end_does_not_wait_for_a_broker(void **state) {
	(void)state;
	struct ear ear;
	char address[32];
	(void)snprintf(address, sizeof(address), "127.0.0.1:%u", free_port());
	struct bus *bus = join(&ear, (struct bus_options){ .client_id = "b", .address = address });
	uint64_t begin = clock_ms();
	bus_destroy(bus, PATIENCE_MS);
	assert_true(clock_ms() - begin < PATIENCE_MS / 2);
}

static char program[] = "bus_test", will_flag[] = "--leave-a-will";

/* The life of a client that ends without a word; in a process of its own. */
static int leave_a_will(const char *address) {
	struct ear own;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)join(&own, (struct bus_options){ .client_id = "w",
					 .qos = 1,
					 .address = address,
					 .will_topic = "will",
					 .will_payload = "gone" });
	ear_wait(&own, &own.connected, 1);
	_exit(0);
}

static void the_last_will_speaks_for_the_dead(void **state) {
	(void)state;
	struct ear ear;
	struct bus *listener = join(&ear, (struct bus_options){ .client_id = "l", .qos = 1 });
	bus_subscribe(listener, "will");
	ear_wait(&ear, &ear.connected, 1);
	char *argv[] = { program, will_flag, broker.address, NULL };
	pid_t pid;
	assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0);
	(void)waitpid(pid, NULL, 0);
	ear_wait(&ear, &ear.messages, 1);
	assert_string_equal(ear.last, "gone");
	/* Who says good-bye leaves no will. */
	struct ear polite;
	struct bus *bus = join(&polite, (struct bus_options){ .client_id = "p",
							.qos = 1,
							.will_topic = "will",
							.will_payload = "not said" });
	ear_wait(&polite, &polite.connected, 1);
	bus_destroy(bus, 1000);
	bus = join(&polite, (struct bus_options){ .client_id = "q", .qos = 1 });
	ear_wait(&polite, &polite.connected, 1);
	say(bus, "will", "later");
	ear_wait(&ear, &ear.messages, 2);
	assert_string_equal(ear.last, "later");
	bus_destroy(bus, 1000);
	bus_destroy(listener, 1000);
}

static void too_long_messages_are_dropped(void **state) {
	(void)state;
	struct ear ear;
	struct bus *bus = join(
			&ear, (struct bus_options){ .client_id = "b", .qos = 1, .message_max = 4 });
	bus_subscribe(bus, "echo");
	ear_wait(&ear, &ear.connected, 1);
	while (ear_messages(&ear) == 0) {
		say(bus, "echo", "12345");
		say(bus, "echo", "1234");
		look_again();
	}
	assert_int_equal(ear.size, 4);
	bus_destroy(bus, 1000);
}

struct flood {
	struct bus *bus;
	atomic_uint sent;
};

static void *talk(void *context) {
	struct flood *flood = context;
	struct error err;
	for (int i = 0; i < 500; i++) {
		flood->sent += bus_publish(flood->bus, "flood", "x", 1, &err);
	}
	return NULL;
}

static void threads_publish_at_once(void **state) {
	(void)state;
	struct ear ear;
	pthread_t threads[4];
	struct flood flood = { .bus = join(&ear, (struct bus_options){
								 .client_id = "b", .qos = 1 }) };
	bus_subscribe(flood.bus, "flood");
	ear_wait(&ear, &ear.connected, 1);
	while (ear_messages(&ear) == 0) {
		flood.sent++;
		say(flood.bus, "flood", "x");
		look_again();
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, talk, &flood), 0);
	}
	for (int i = 0; i < 4; i++) {
		(void)pthread_join(threads[i], NULL);
	}
	assert_true(flood.sent >= 2000);
	ear_wait(&ear, &ear.messages, 2000);
	bus_destroy(flood.bus, 1000);
}

static void a_bad_address_is_no_bus(void **state) {
	(void)state;
	struct error err;
	const struct bus_handlers handlers = { on_connected, on_disconnected, on_message, NULL };
	const struct bus_options options = { .address = "broker:x", .client_id = "b" };
	assert_null(bus_create(&options, &handlers, &err));
	assert_int_equal(err.code, ERROR_INVALID);
}

/* A broker that says nothing; its address for a bus. */
static int listen_somewhere(char *address, size_t room, int backlog) {
	struct sockaddr_in place = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(place);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&place, size), 0);
	assert_int_equal(listen(listener, backlog), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&place, &size), 0);
	(void)snprintf(address, room, "tls://127.0.0.1:%u", ntohs(place.sin_port));
	return listener;
}

/* Who only waits for a broker's half of the handshake does not turn in circles meanwhile. */
static void a_silent_broker_costs_nothing(void **state) {
	(void)state;
	struct ear ear;
	char address[32], byte;
	int listener = listen_somewhere(address, sizeof(address), 1);
	struct bus *bus = join(&ear, (struct bus_options){ .client_id = "b", .address = address });
	int fd = accept(listener, NULL, NULL);
	assert_int_equal(read(fd, &byte, 1), 1); /* it has said its half */
	struct timespec begin, end;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	struct pollfd gone = { .fd = fd, .events = POLLRDHUP };
	assert_int_equal(poll(&gone, 1, 300), 0);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	int64_t used_ms = (end.tv_sec - begin.tv_sec) * 1000 +
			  (end.tv_nsec - begin.tv_nsec) / 1000000;
	assert_true(used_ms < 100);
	bus_destroy(bus, 0);
	(void)close(fd);
	(void)close(listener);
}

static SSL *accept_tls(int listener, SSL_CTX *context) {
	assert_int_equal(SSL_CTX_use_certificate_chain_file(context, broker.files[1]), 1);
	assert_int_equal(
			SSL_CTX_use_PrivateKey_file(context, broker.files[2], SSL_FILETYPE_PEM), 1);
	SSL *tls = SSL_new(context);
	assert_int_equal(SSL_set_fd(tls, accept(listener, NULL, NULL)), 1);
	assert_int_equal(SSL_accept(tls), 1);
	return tls;
}

/* A connect() that takes its time, as anywhere but on the same machine. */
static void a_handshake_waits_for_its_connection(void **state) {
	(void)state;
	struct ear ear;
	char address[32], byte;
	int listener = listen_somewhere(address, sizeof(address), 0);
	struct sockaddr_in place;
	socklen_t size = sizeof(place);
	int first = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&place, &size), 0);
	assert_int_equal(connect(first, (struct sockaddr *)&place, size), 0); /* no room now */
	struct bus *bus = join(&ear, (struct bus_options){ .client_id = "b", .address = address });
	struct pollfd more = { .fd = listener, .events = POLLIN };
	(void)close(accept(listener, NULL, NULL));
	assert_int_equal(poll(&more, 1, PATIENCE_MS), 1);
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	SSL *tls = accept_tls(listener, context);
	assert_int_equal(SSL_read(tls, &byte, 1), 1);
	assert_int_equal(byte, 0x10); /* CONNECT */
	bus_destroy(bus, 0);
	(void)close(SSL_get_fd(tls));
	SSL_free(tls);
	SSL_CTX_free(context);
	(void)close(first);
	(void)close(listener);
}

/* As other brokers than mosquitto do it: what is decrypted is not seen at the socket any more. */
static void messages_may_share_a_record(void **state) {
	(void)state;
	struct ear ear;
	char address[32];
	uint8_t packet[256];
	int listener = listen_somewhere(address, sizeof(address), 1);
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	struct bus *bus = join(&ear, (struct bus_options){ .client_id = "b", .address = address });
	bus_subscribe(bus, "t");
	SSL *tls = accept_tls(listener, context);
	assert_true(SSL_read(tls, packet, sizeof(packet)) > 0);
	assert_int_equal(packet[0], 0x10); /* CONNECT */
	assert_int_equal(SSL_write(tls, "\x20\x02\x00\x00", 4), 4);
	assert_true(SSL_read(tls, packet, sizeof(packet)) > 0);
	assert_int_equal(packet[0], 0x82); /* SUBSCRIBE */
	uint8_t answer[] = { 0x90, 3, packet[2], packet[3], 0, 0x30, 4, 0, 1, 't', 'a', 0x30, 4, 0,
		1, 't', 'b', 0x30, 4, 0, 1, 't', 'c' };
	assert_int_equal(SSL_write(tls, answer, sizeof(answer)), sizeof(answer));
	ear_wait(&ear, &ear.messages, 3);
	assert_string_equal(ear.order, "abc");
	bus_destroy(bus, 0);
	(void)close(SSL_get_fd(tls));
	SSL_free(tls);
	SSL_CTX_free(context);
	(void)close(listener);
}

static void certificates_that_cannot_be_are_no_bus(void **state) {
	(void)state;
	struct error err;
	static char words[] = "words";
	const struct bus_handlers handlers = { on_connected, on_disconnected, on_message, NULL };
	const struct tls_parts tls = { .cert = words, .key = words };
	const struct bus_options options = { .address = "h", .client_id = "b", .tls = &tls };
	assert_null(bus_create(&options, &handlers, &err));
	assert_int_equal(err.code, ERROR_INVALID);
}

int main(int argc, char **argv) {
	if (argc == 3 && str_equal(argv[1], will_flag)) {
		return leave_a_will(argv[2]);
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_arrive_in_their_order),
		cmocka_unit_test(an_end_sends_what_is_there),
		cmocka_unit_test(bulk_waits_for_the_broker),
		cmocka_unit_test(it_comes_back_with_its_subscriptions),
		cmocka_unit_test(what_is_unsubscribed_does_not_come_back),
		cmocka_unit_test(an_absent_broker_is_waited_for),
		cmocka_unit_test(an_end_does_not_wait_for_a_broker),
		cmocka_unit_test(the_last_will_speaks_for_the_dead),
		cmocka_unit_test(too_long_messages_are_dropped),
		cmocka_unit_test(threads_publish_at_once),
		cmocka_unit_test(a_bad_address_is_no_bus),
	};
	const struct CMUnitTest tls_tests[] = {
		cmocka_unit_test(a_silent_broker_costs_nothing),
		cmocka_unit_test(a_handshake_waits_for_its_connection),
		cmocka_unit_test(messages_may_share_a_record),
		cmocka_unit_test(certificates_that_cannot_be_are_no_bus),
	};
	int failed = cmocka_run_group_tests_name("bus/bus", tests, set_up, tear_down);
	failed += cmocka_run_group_tests_name("bus/bus over TLS", tests, set_up_tls, tear_down);
	return failed + cmocka_run_group_tests_name(
					"bus/bus over TLS alone", tls_tests, set_up_tls, tear_down);
}
