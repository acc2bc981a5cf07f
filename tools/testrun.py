# SPDX-License-Identifier: Apache-2.0
"""Runs the unit tests of a build, then the system tests with its programs.

tools/test [--build DIR] [--unit [NAME ...]] [--system [PYTEST-ARGUMENT ...]]

Without --unit or --system it runs both. The last line counts all test cases of both kinds. The
exit code is 0 only if something ran and nothing failed.

These tests wait for real programs on machines that do other work. Where no more than a few of them
fail they are run once more by themselves, and what then passes is named at the end: it has a fault
of its own, to be mended. A test of what may never be lost has no second try.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
AGAIN_MAX = 3
ONCE = ("tests/test_q_", "tests/test_z_")  # durability: what was lost once is lost
WHOLE = "the run"  # what failed although no test of it did
CASE = re.compile(r"^(not )?ok \d+(?: -)?\s*(.*?)(?:\s*# ?(SKIP)\b ?(.*))?$", re.IGNORECASE)


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: list = field(default_factory=list)  # (name, reason)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {len(self.skipped)} skipped"


def total_of(counts):
    total = Count()
    for count in counts.values():
        total.add(count)
    return total


def count_cases(name, result, output):
    """The cases that a cmocka program said, in TAP; a program that said none is one case."""
    count = Count()
    for line in output.splitlines():
        match = CASE.match(line.strip())
        if not match:
            continue
        if match[3]:
            count.skipped.append((f"{name}: {match[2] or match[4]}", "by its own decision"))
        elif match[1]:
            count.failed += 1
        else:
            count.passed += 1
    if result in ("SKIP", "IGNORED"):
        count.skipped.append((name, "the test program skipped itself"))
    elif result not in ("OK", "EXPECTEDFAIL"):
        count.failed += count.failed == 0
    elif count.passed + count.failed + len(count.skipped) == 0:
        count.passed = 1
    return count


def run_unit(build, names):
    """Each program's count. meson test; cmocka is told to speak TAP, so that every case can be counted.

    What hangs is ended some time; on a machine with other work a test may take ten times as long.
    """
    environment = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
    log = build / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    print(f"== unit tests ({build})", flush=True)
    code = subprocess.run(["meson", "test", "-C", str(build), "--no-rebuild", "--print-errorlogs",
                           "--timeout-multiplier", "10", *names], env=environment, stdin=subprocess.DEVNULL).returncode
    counts = {}
    if log.exists():
        for line in log.read_text().splitlines():
            test = json.loads(line)
            output = test.get("stdout", "") + "\n" + test.get("stderr", "")
            counts[test["name"]] = count_cases(test["name"], test["result"], output)
    return checked(counts, code)


def checked(counts, code):
    """A run that ended badly without a failed test has failed itself."""
    if code != 0 and total_of(counts).failed == 0:
        counts[WHOLE] = Count(failed=1)
    return counts


def read_junit(path):
    """Each test's count; what fails as its fixtures are freed has failed."""
    counts = {}
    for case in ET.parse(path).getroot().iter("testcase"):
        name = f"{case.get('file')}::{case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            counts[name] = Count(failed=1)
        elif skipped is not None:
            counts[name] = Count(skipped=[(name, skipped.get("message") or "no reason given")])
        else:
            counts.setdefault(name, Count(passed=1))
    return counts


def run_system(programs, arguments):
    print(f"== system tests ({programs})", flush=True)
    environment = dict(os.environ, AIRSCREW_BIN=str(programs), PYTHONDONTWRITEBYTECODE="1")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        code = subprocess.run([sys.executable, "-m", "pytest", f"--rootdir={TOP}", f"--junitxml={report}",
                               "-o", "junit_family=xunit1", *(arguments or [str(TOP / "tests")])], cwd=TOP, env=environment,
                              stdin=subprocess.DEVNULL).returncode
        return checked(read_junit(report) if report.exists() else {}, code)


def with_second_try(run, names):
    """(the total of run(names), who passed only at the second try)"""
    counts = run(names)
    failed = [name for name, count in counts.items() if count.failed]
    if not failed or len(failed) > AGAIN_MAX or WHOLE in failed or any(name.startswith(ONCE) for name in failed):
        return total_of(counts), []
    print(f"== once more: {', '.join(failed)}", flush=True)
    counts |= run(failed)
    return total_of(counts), [name for name in failed if not counts[name].failed] if WHOLE not in counts else []


def main():
    parser = argparse.ArgumentParser(description=__doc__, usage=argparse.SUPPRESS)
    parser.add_argument("--build", type=Path, default=TOP / "build" / "main")
    parser.add_argument("--unit", nargs="*")
    parser.add_argument("--system", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    programs = build / "bin" if build.name != "main" else build.parent / "bin"
    both = arguments.unit is None and arguments.system is None

    total, late = Count(), []
    for wanted, names, run in [(arguments.unit, arguments.unit, lambda names: run_unit(build, names)),
                               (arguments.system, arguments.system, lambda names: run_system(programs, names))]:
        if both or wanted is not None:
            count, again = with_second_try(run, names or [])
            total.add(count)
            late += again
    for name, reason in total.skipped:
        print(f"skipped: {name}: {reason}")
    for name in late:
        print(f"passed only at the second try: {name}")
    print(total, flush=True)
    return 0 if total.failed == 0 and total.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
