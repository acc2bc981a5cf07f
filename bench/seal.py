# SPDX-License-Identifier: Apache-2.0
"""Sealing and opening, beside the same cipher in OpenSSL's own measurement, in turns."""
import statistics
import subprocess

from measure import TOP

SEALING = TOP / "build/main/bench/sealing"
SIZES = [(256 << 10, "256 KiB"), (1 << 20, "1 MiB")]
MESSAGE = 300  # bytes: a command


def openssl(size):
    """Bytes per second of AES-256-GCM's encryption alone: one key, one nonce, no tag."""
    done = subprocess.run(["openssl", "speed", "-seconds", "1", "-bytes", str(size), "-evp", "aes-256-gcm"],
                          capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1].rstrip("k")) * 1000


def ours(size, milliseconds):
    """Envelopes sealed and opened per second."""
    done = subprocess.run([SEALING, str(size), str(milliseconds)], capture_output=True, text=True, check=True)
    return [float(line) for line in done.stdout.split()]


def run(report, new_stack, scale):
    rows, bars, rounds = [], [], max(1, 5 // scale)
    for size, name in SIZES:
        pairs = [(openssl(size), *(rate * size for rate in ours(size, 1000 // scale))) for _ in range(rounds)]
        reference, seal, opened = (statistics.median(values) for values in zip(*pairs))
        for what, value in (("openssl speed", reference), ("seal", seal), ("open", opened)):
            rows.append([f"{what}, {name}", f"{value / 1e9:.2f} GB/s", f"{value / reference:.2f}"])
            bars.append((rows[-1][0], value, rows[-1][1], value is reference))
    seal, opened = ours(MESSAGE, 1000 // scale)
    rows += [[f"seal, {MESSAGE} bytes", f"{1e6 / seal:.1f} us", ""], [f"open, {MESSAGE} bytes", f"{1e6 / opened:.1f} us", ""]]
    report.table("sealing (CPU time of one thread)", ["what", "speed", "ratio"], rows, bars=bars,
                 note="XAES-256-GCM with its key for each envelope, a random nonce, the context and the tag; aim: 0.80 "
                      "of openssl speed -evp aes-256-gcm, which has none of these.")
