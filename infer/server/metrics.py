"""The metrics for Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from colorize_gan.core.version import __version__
from colorize_gan.infer.colorizer import Colorizer

_SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The metrics of one server, in a registry of its own."""

    def __init__(
        self, colorizer: Colorizer, waiting: Callable[[], int], unfinished: Callable[[], int]
    ) -> None:
        """Start at zero; the functions tell of the queue."""
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "colorize_requests", "Requests to colorize, by HTTP status.", ["status"], registry=registry
        )
        self.request_seconds = Histogram(
            "colorize_request_seconds",
            "From the headers of a request to the end of its answer.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.stage_seconds = Histogram(
            "colorize_stage_seconds",
            "Time of a photograph in each stage; queue is the wait for a worker.",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.pixels = Counter("colorize_pixels", "Pixels colorized.", registry=registry)
        self.received = Counter("colorize_received_bytes", "Of photographs.", registry=registry)
        self.sent = Counter("colorize_sent_bytes", "Of photographs in colour.", registry=registry)
        Gauge("colorize_waiting", "Photographs that wait for a worker.", registry=registry).set_function(
            waiting
        )
        Gauge(
            "colorize_unfinished", "Photographs that wait or are in progress.", registry=registry
        ).set_function(unfinished)
        used = colorizer.backend
        labels = {
            "version": __version__,
            "model": colorizer.contract.name,
            "backend": used.name,
            "device": used.device,
            "precision": used.precision,
        }
        Gauge("colorize_info", "What runs.", list(labels), registry=registry).labels(**labels).set(1)


class Counted:
    """Middleware that counts the answers of one path by their status."""

    def __init__(self, app: ASGIApp, path: str, requests: Counter) -> None:
        """Wrap ``app``."""
        self._app, self._path, self._requests = app, path, requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""

        async def counting_send(message: Message) -> None:
            if message["type"] == "http.response.start" and scope.get("path") == self._path:
                self._requests.labels(message["status"]).inc()
            await send(message)

        await self._app(scope, receive, counting_send)
