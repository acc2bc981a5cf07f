# SPDX-License-Identifier: Apache-2.0
"""Fixtures: `stack` is empty and one test's own, `up` is a running one that a file shares."""
import os
import signal

import pytest

import late
import stack as stack_module
from packages import Made
from stack import Stack

LOG_TAIL = 8000

# Else grpcio stops for ever, now and then, where a test starts a program while a channel is open.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

# A shell that starts the tests in the background ignores SIGINT for them and all that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


if "AIRSCREW_LATE" in os.environ:
    late.begin(os.environ["AIRSCREW_LATE"])


@pytest.fixture
def stack(tmp_path):
    """Nothing started yet; ended, and looked at for crashes, after the test."""
    own = Stack(tmp_path)
    yield own
    own.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Broker, manager and one worker for all the tests of a file."""
    own = Stack(tmp_path_factory.mktemp("shared"))
    try:
        own.start()
        yield own
    finally:
        own.close()


@pytest.fixture
def up(shared):
    """The shared stack; after each test everything must still be alive."""
    yield shared
    shared.all_alive()


@pytest.fixture
def rest(up):
    return up.rest


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The Debian packages, made when first asked for."""
    packages = Made(tmp_path_factory.mktemp("packages"))
    yield packages
    packages.close()


def pytest_collection_finish(session):
    """Fails at once, and in words, where there is nothing to test."""
    if all(item.path.name == "test_v_tools.py" for item in session.items):
        return
    missing = [name for name in ("propeller-manager", "proplet", "propeller-proxy", "propeller-executor", "propeller-cli")
               if not (stack_module.BIN / name).exists()]
    if missing:
        pytest.exit(f"no {', '.join(missing)} in {stack_module.BIN}: run `make` first", 3)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the logs of its processes."""
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    stacks = {id(value): value for value in item.funcargs.values() if isinstance(value, Stack)}
    for value in stacks.values():
        for process in value.processes.values():
            if process.name != "broker":
                report.sections.append((f"log of {process.name}", process.text()[-LOG_TAIL:]))
