"""Running the inputs of several threads as one batch, as GPUs like it."""

import threading
from dataclasses import dataclass

import numpy as np

from colorize_gan.infer.backends.protocol import Backend


@dataclass(eq=False)
class _Request:
    inputs: np.ndarray
    outputs: np.ndarray | None = None
    error: Exception | None = None


class BatchingBackend:
    """A `Backend` that joins the inputs of one size that wait while it is busy.

    No thread of its own: of the callers that wait, the first that gets its turn runs the batch for the
    others. When the memory does not suffice the batch is halved, for good.
    """

    def __init__(self, backend: Backend, batch_size: int) -> None:
        """Join up to ``batch_size`` images."""
        self.name, self.device, self.contract = backend.name, backend.device, backend.contract
        self.precision, self.sha256, self.why = backend.precision, backend.sha256, backend.why
        self.batch_size = batch_size
        self._backend = backend
        self._waiting: list[_Request] = []
        self._list_lock, self._turn = threading.Lock(), threading.Lock()

    def run(self, inputs: np.ndarray) -> np.ndarray:
        """See `Backend.run`.

        Raises:
            MemoryError: there is not enough for this input alone.
        """
        request = _Request(inputs)
        with self._list_lock:
            self._waiting.append(request)
        with self._turn:
            while request.outputs is None and request.error is None:
                self._run_batch(self._take(request))
        if request.error is not None:
            raise request.error
        assert request.outputs is not None
        return request.outputs

    def _take(self, leader: _Request) -> list[_Request]:
        """Take the leader and others of its size off the list."""
        with self._list_lock:
            alike = [other for other in self._waiting if other.inputs.shape[1:] == leader.inputs.shape[1:]]
            others = [other for other in alike if other is not leader]
            batch = [leader, *others[: max(0, self.batch_size - 1)]]
            self._waiting = [other for other in self._waiting if other not in batch]
        return batch

    def _run_batch(self, batch: list[_Request]) -> None:
        try:
            outputs = self._backend.run(np.concatenate([request.inputs for request in batch]))
        except MemoryError as error:
            if len(batch) == 1:
                batch[0].error = error
                return
            self.batch_size = len(batch) // 2
            with self._list_lock:
                self._waiting = batch + self._waiting
        except Exception as error:  # belongs to all who wait for it
            for request in batch:
                request.error = error
        else:
            ends = np.cumsum([len(request.inputs) for request in batch])
            for request, part in zip(batch, np.split(outputs, ends[:-1]), strict=True):
                request.outputs = part
