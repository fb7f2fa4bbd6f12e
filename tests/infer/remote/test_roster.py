import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from colorize_gan.infer.batch.results import LeftError
from colorize_gan.infer.remote.cluster_roster import Roster


def never() -> bool:
    return False


def test_work_goes_to_who_has_most_room() -> None:
    roster = Roster[str](2)
    roster.add("a")
    roster.add("b")
    assert {roster.take(never, alone=False) for _ in range(2)} == {"a", "b"}
    assert roster.remove("a")
    assert not roster.remove("a")
    roster.give_back("a", alone=False)  # it is gone
    assert roster.take(never, alone=False) == "b"


def test_who_wants_a_worker_alone_gets_the_next_that_is_free() -> None:
    roster = Roster[str](2)
    roster.add("a")
    taken = roster.take(never, alone=False)
    order = []

    def take(*, alone: bool) -> None:
        roster.take(never, alone=alone)
        order.append(alone)
        roster.give_back("a", alone=alone)

    with ThreadPoolExecutor(2) as pool:
        lonely = pool.submit(take, alone=True)
        while not roster._lonely:
            pass
        other = pool.submit(take, alone=False)
        roster.give_back(taken, alone=False)
        lonely.result()
        other.result()
    assert order == [True, False]


def test_nobody_waits_for_workers_when_all_is_over() -> None:
    stop = threading.Event()
    roster = Roster[str](1)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(roster.take, stop.is_set, alone=False)
        stop.set()
        with pytest.raises(LeftError):
            waiting.result()


def test_who_waits_is_told_why_nobody_comes() -> None:
    roster = Roster[str](1)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(roster.take, never, alone=False)
        roster.fail(ValueError("no"))
        with pytest.raises(ValueError, match="no"):
            waiting.result()
