# SPDX-License-Identifier: Apache-2.0
"""A plain MQTT client for the tests: hears everything on the channel, says anything."""
import json
import threading
import time

import paho.mqtt.client as mqtt

from wait import patience, wait_until


class Bus:
    def __init__(self, stack, client_id="onlooker", listen=True):
        self.stack = stack
        self.heard = []  # (monotonic time, path, payload)
        self.lock = threading.Lock()
        self.ready = threading.Event()
        self.handlers = []
        self.threads = []
        self.listen = listen
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id,
                                  protocol=mqtt.MQTTv311)
        self.client.max_inflight_messages_set(1000)
        self.client.on_connect = self.on_connect
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.on_message = self.on_message

    def will(self, path, payload):
        self.client.will_set(self.stack.topic(path), json.dumps(payload), qos=1)

    def __enter__(self):
        self.client.connect("127.0.0.1", self.stack.mqtt_port)
        self.client.loop_start()
        assert self.ready.wait(patience()), "no connection to the broker"
        return self

    def aside(self, call, *arguments):
        """In a thread, since whoever hears may not wait; at the end it is waited for."""
        thread = threading.Thread(target=call, args=arguments)
        self.threads.append(thread)
        thread.start()
        return thread

    def __exit__(self, *_):
        while self.threads:
            self.threads.pop().join()
        self.client.disconnect()
        self.client.loop_stop()

    def on_connect(self, client, *_):
        if self.listen:
            client.subscribe(self.stack.topic("#"), qos=1)
        else:
            self.ready.set()

    def on_message(self, _client, _data, message):
        path = message.topic.removeprefix(self.stack.topic(""))
        with self.lock:
            self.heard.append((time.monotonic(), path, message.payload))
        for handler in self.handlers:
            handler(path, message.payload)

    def say(self, path, payload, qos=1):
        """Publishes and waits until the broker has it."""
        if isinstance(payload, (dict, list)):
            payload = json.dumps(payload)
        info = self.client.publish(self.stack.topic(path), payload, qos=qos)
        info.wait_for_publish(patience())
        assert info.is_published(), f"the broker did not take a message on {path}"

    def messages(self, path):
        """The JSON messages on a path so far."""
        with self.lock:
            return [json.loads(p) for _, heard, p in self.heard if heard == path]

    def times(self, path):
        with self.lock:
            return [at for at, heard, _ in self.heard if heard == path]

    def wait_for(self, path, condition=lambda message: True, seconds=30):
        return wait_until(lambda: next((m for m in self.messages(path) if condition(m)), None),
                          seconds, f"a message on {path}")
