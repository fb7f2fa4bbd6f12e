import threading
from concurrent.futures import ThreadPoolExecutor

import cv2
import pytest
from threadpoolctl import threadpool_info

from colorize_gan.parallel import RoomToWork, one_thread_each


def test_work_that_ran_out_of_memory_runs_again_alone() -> None:
    room, at_work, alone = RoomToWork(), set[int](), list[bool]()
    failed = set[int]()
    everybody = threading.Barrier(3)

    def work(number: int) -> int:
        at_work.add(number)
        if number not in failed:
            everybody.wait(5)
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


def test_one_thread_each_ends_with_the_block() -> None:
    def threads() -> list[int]:
        libraries = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
        return [cv2.getNumThreads(), *libraries]

    before = threads()
    with one_thread_each():
        assert set(threads()) == {1}
    assert threads() == before
