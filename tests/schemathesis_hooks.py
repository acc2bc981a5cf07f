# SPDX-License-Identifier: Apache-2.0
"""What schemathesis cannot know: what a module is made of."""
import schemathesis
from hypothesis import strategies

HEADS = [b"\0asm\1\0\0\0", b"\0asm\x0d\0\1\0"]
CUSTOM = strategies.binary(max_size=100).map(lambda rest: bytes([0, len(rest) + 1, 0]) + rest)
MODULES = strategies.builds(lambda head, sections: head + b"".join(sections),
                            strategies.sampled_from(HEADS), strategies.lists(CUSTOM, max_size=3))

for name in ("application/wasm", "application/octet-stream"):
    schemathesis.openapi.media_type(name, MODULES)


@schemathesis.hook
def filter_case(_context, case):
    """The worker stays: without one, 503 would be the right answer to a start."""
    return case.method != "DELETE" or (case.path_parameters or {}).get("id") != "worker-1"
