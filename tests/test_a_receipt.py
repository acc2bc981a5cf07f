# SPDX-License-Identifier: Apache-2.0
"""spec/receipt.md, written twice; lib/attest's own test reads the vectors (lib/attest/vectors_test.c)."""
import json

import receipts


def test_the_vectors_are_what_the_page_says():
    written = receipts.VECTORS.read_text(encoding="utf-8")
    assert json.loads(written) == json.loads(receipts.text()), "run tools/python tests/receipts.py --write"
    assert written == receipts.text()
