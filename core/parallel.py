"""Working on many things at once, the results in order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")


def map_in_order(
    work: Callable[[_T], _R], items: Iterable[_T], workers: int, name: str
) -> Generator[_R, None, None]:
    """Map ``work`` over ``items`` on threads called ``name``; yield results in the order of the items.

    At most ``2 * workers`` results are in work or not yet taken. An exception of ``work`` is raised here;
    after it, or when the generator is closed, only the items in hand are finished.
    """
    pending: deque[Future[_R]] = deque()
    with ThreadPoolExecutor(workers, name) as pool:
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) >= 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
