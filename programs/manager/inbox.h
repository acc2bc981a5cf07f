/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What comes in over MQTT: decoded in the bus thread, then a deed for the loop. Anything that
 * cannot be decoded is logged (a few lines a second at most) and dropped.
 */
#include "manager/manager.h"

/* Subscribes, once; the handlers for bus_create(). */
void inbox_subscribe(struct manager *m);
void inbox_connected(void *context);
void inbox_disconnected(void *context, const char *reason);
void inbox_message(void *context, const char *topic, struct bytes payload);
/* For control/manager/online: "announce yourselves". Freed by the caller. */
char *inbox_online(const struct manager *m) MUST_CHECK;
