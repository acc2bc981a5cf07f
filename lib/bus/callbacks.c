/* SPDX-License-Identifier: Apache-2.0 */
/* What libmosquitto tells: everything here runs inside of one of its calls, with the lock held. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "bus/session.h"

enum { SUBACK_REFUSED = 0x80, LARGE = 64 * 1024, SPARE_MAX = 1024 * 1024 };

void bus_make_subscription(struct bus *bus, struct bus_subscription *subscription) {
	subscription->answered = false;
	subscription->mid = 0;
	int code = mosquitto_subscribe(
			bus->client, &subscription->mid, subscription->topic, bus->qos);
	if (code == MOSQ_ERR_INVAL || code == MOSQ_ERR_MALFORMED_UTF8) {
		log_error("this cannot be subscribed to topic=\"%s\" reason=\"%s\"",
				subscription->topic, mosquitto_strerror(code));
		subscription->answered = true;
	}
}

static void on_connect(struct mosquitto *client, void *context, int code) {
	(void)client;
	struct bus *bus = context;
	bus->connack = code;
	bus->granted = code == 0;
	for (size_t i = 0; code == 0 && i < bus->subscription_count; i++) {
		bus_make_subscription(bus, &bus->subscriptions[i]);
	}
}

static void on_subscribe(
		struct mosquitto *client, void *context, int mid, int count, const int *granted) {
	(void)client;
	struct bus *bus = context;
	for (size_t i = 0; i < bus->subscription_count; i++) {
		struct bus_subscription *subscription = &bus->subscriptions[i];
		if (subscription->mid != mid || subscription->answered) {
			continue;
		}
		subscription->answered = true;
		if (count < 1 || granted[0] >= SUBACK_REFUSED) {
			log_error("the broker refuses a subscription; check its access rules "
				  "topic=\"%s\"",
					subscription->topic);
		}
	}
}

static void on_publish(struct mosquitto *client, void *context, int mid) {
	(void)client;
	(void)mid;
	struct bus *bus = context;
	if (bus->qos > 0 && bus->unacknowledged > 0) {
		bus->unacknowledged--;
		(void)pthread_cond_broadcast(&bus->acknowledged);
	}
}

/* Memory for a payload, with room for `size` bytes at least. */
static uint8_t *new_payload(struct bus *bus, size_t size, size_t *room) {
	if (size < LARGE || size > bus->spare_room) {
		*room = size;
		return malloc(size);
	}
	uint8_t *payload = bus->spare;
	*room = bus->spare_room;
	bus->spare = NULL;
	bus->spare_room = 0;
	return payload;
}

static struct bus_message *copy_message(struct bus *bus, const struct mosquitto_message *from) {
	struct bus_message *message = calloc(1, sizeof(*message));
	size_t size = (size_t)from->payloadlen, room;
	uint8_t *payload = new_payload(bus, size + 1, &room);
	if (message == NULL || payload == NULL) {
		free(message);
		free(payload);
		return NULL;
	}
	if (size != 0) {
		memcpy(payload, from->payload, size);
	}
	payload[size] = 0;
	*message = (struct bus_message){
		.topic = str_copy(from->topic), .payload = payload, .size = size, .room = room
	};
	return message;
}

static void on_message(
		struct mosquitto *client, void *context, const struct mosquitto_message *from) {
	(void)client;
	struct bus *bus = context;
	if (bus->message_max != 0 && (size_t)from->payloadlen > bus->message_max) {
		log_warn("dropping a message over the limit topic=\"%s\" bytes=%d limit=%zu",
				from->topic, from->payloadlen, bus->message_max);
		return;
	}
	struct bus_message *message = copy_message(bus, from);
	if (message == NULL) {
		log_error("dropping a message: out of memory topic=\"%s\" bytes=%d", from->topic,
				from->payloadlen);
		return;
	}
	*bus->inbox_end = message;
	bus->inbox_end = &message->next;
	/* mosquitto_loop_read() goes on reading packets until errno says that there are none (or
	 * as many were read as are in flight): said here, so that a message reaches its handler
	 * before the next one is read, and a flood is never copied as a whole. */
	errno = EAGAIN;
}

static void on_log(struct mosquitto *client, void *context, int level, const char *line) {
	(void)client;
	struct bus *bus = context;
	if (level == MOSQ_LOG_ERR && bus->secure != NULL) {
		secure_hear(bus->secure, line);
	}
}

void bus_set_callbacks(struct bus *bus) {
	mosquitto_connect_callback_set(bus->client, on_connect);
	mosquitto_subscribe_callback_set(bus->client, on_subscribe);
	mosquitto_publish_callback_set(bus->client, on_publish);
	mosquitto_message_callback_set(bus->client, on_message);
	mosquitto_log_callback_set(bus->client, on_log);
}

void bus_free_spare(struct bus *bus) {
	free(bus->spare);
	bus->spare = NULL;
	bus->spare_room = 0;
}

static void free_message(struct bus *bus, struct bus_message *message) {
	free(message->topic);
	if (message->room >= LARGE && message->room <= SPARE_MAX) {
		free(bus->spare);
		bus->spare = message->payload;
		bus->spare_room = message->room;
	} else {
		free(message->payload);
	}
	free(message);
}

void bus_free_inbox(struct bus *bus) {
	while (bus->inbox != NULL) {
		struct bus_message *message = bus->inbox;
		bus->inbox = message->next;
		free_message(bus, message);
	}
	bus->inbox_end = &bus->inbox;
}
