# SPDX-License-Identifier: Apache-2.0
"""Python as a component, interpreter and library and all: componentize-py makes it."""
import json
import math
import os
import random
import sys
import time

import wit_world


class WitWorld(wit_world.WitWorld):
    def describe(self, points, name):
        if not points:
            raise wit_world.Err("no points")
        print("in Python", sys.version.split()[0])
        return json.dumps({
            "name": name,
            "far": max(math.hypot(point.x, point.y) for point in points),
            "chance": 0 <= random.random() < 1,
            "time": int(time.time()),
            "env": os.environ.get("GREETING"),
        })
