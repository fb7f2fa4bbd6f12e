import threading
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import pyvips
from threadpoolctl import threadpool_info

from colorize_gan.core.system.parallel import (
    MOST_THREADS,
    RoomToWork,
    for_each,
    one_thread_each,
    threads_for_each,
)


@pytest.mark.parametrize(
    ("cores", "images", "threads"),
    [(2, None, 1), (2, 1, 2), (2, 2, 1), (2, 50_000, 1), (8, 3, 2), (64, 1, MOST_THREADS)],
)
def test_few_images_have_several_threads_each(
    monkeypatch: pytest.MonkeyPatch, cores: int, images: int | None, threads: int
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    assert threads_for_each(images) == threads


@pytest.mark.parametrize(("threads", "used"), [(1, 1), (2, 2)])
def test_work_is_shared_by_so_many_threads(threads: int, used: int) -> None:
    everybody, seen = threading.Barrier(threads), set[int]()

    def work(_: int) -> None:
        everybody.wait(300)
        seen.add(threading.get_ident())

    for_each(work, range(2), threads, "work")
    assert len(seen) == used
    assert (threading.get_ident() in seen) == (threads == 1)


def test_work_that_ran_out_of_memory_runs_again_alone() -> None:
    room, at_work, alone = RoomToWork(), set[int](), list[bool]()
    failed = set[int]()
    everybody = threading.Barrier(3)

    def work(number: int) -> int:
        at_work.add(number)
        if number not in failed:
            everybody.wait(300)
        if number == 0 and number not in failed:
            failed.add(number)
            at_work.discard(number)
            raise MemoryError
        if number == 0:
            alone.append(at_work == {0})
        at_work.discard(number)
        return number

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda number: room.run(lambda: work(number)), range(3))) == [0, 1, 2]
    assert alone == [True]


def test_work_that_needs_too_much_fails_and_others_go_on() -> None:
    def too_large() -> None:
        raise MemoryError

    room = RoomToWork()
    with pytest.raises(MemoryError):
        room.run(too_large)
    assert room.run(lambda: 5) == 5


def test_opencv_out_of_memory_is_a_memory_error() -> None:
    with pytest.raises(MemoryError):
        RoomToWork().run(lambda: cv2.resize(np.zeros((8, 8), np.uint8), (2**31 - 1, 2**20)))
    with pytest.raises(cv2.error):
        RoomToWork().run(lambda: cv2.cvtColor(np.zeros((8, 8), np.uint8), cv2.COLOR_BGR2GRAY))


def test_work_that_wants_to_be_alone_does_not_wait_for_those_who_come_later() -> None:
    room, done, tries = RoomToWork(), threading.Event(), iter([True, False])

    def keep_busy() -> None:
        while not done.is_set():  # there is always one of three at work
            room.run(lambda: time.sleep(0.02))

    def short_of_memory() -> None:
        if next(tries):
            raise MemoryError

    with ThreadPoolExecutor(3) as pool:
        busy = [pool.submit(keep_busy) for _ in range(3)]
        time.sleep(0.05)
        waiting = threading.Thread(target=lambda: (room.run(short_of_memory), done.set()), daemon=True)
        waiting.start()
        is_in_time = done.wait(300)
        done.set()
        for future in busy:
            future.result()
    assert is_in_time


def test_one_thread_each_ends_with_the_block() -> None:
    def threads() -> list[int]:
        libraries = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
        return [cv2.getNumThreads(), pyvips.vips_lib.vips_concurrency_get(), *libraries]

    before = threads()
    with one_thread_each():
        assert set(threads()) == {1}
    assert threads() == before
