"""Scheduling stays what it was, whatever a library does about it."""

import os
import sys
import threading

import pytest

from colorize_gan.core.system.scheduling import scheduling_kept

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such threads")


def test_policy_and_cpus_come_back_for_the_thread_and_those_born_meanwhile() -> None:
    policy, cpus = os.sched_getscheduler(0), os.sched_getaffinity(0)
    end, born = threading.Event(), threading.Event()

    def wait() -> None:
        born.set()
        end.wait()

    thread = threading.Thread(target=wait)
    with scheduling_kept():
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        os.sched_setaffinity(0, {min(cpus)})
        thread.start()
        born.wait()
    try:
        for number in (0, thread.native_id):
            assert number is not None
            assert os.sched_getscheduler(number) == policy
            assert os.sched_getaffinity(number) == cpus
    finally:
        end.set()
        thread.join()


def test_what_a_user_chose_stays_and_other_threads_are_left_alone() -> None:
    end, born = threading.Event(), threading.Event()

    def work() -> None:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        with scheduling_kept():
            born.set()
            end.wait()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert born.wait(300)
        with scheduling_kept():
            pass
        assert os.sched_getscheduler(thread.native_id or 0) == os.SCHED_BATCH
    finally:
        end.set()
        thread.join()
    assert os.sched_getscheduler(0) != os.SCHED_BATCH
