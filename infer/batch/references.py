"""Where a run finds the references of its photographs."""

from pathlib import Path

from colorize_gan.core.contract import ModelContract
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.reference import ReferenceFile, check_takes_references, read_reference


class References:
    """References by the photographs they belong to. Files of this machine only."""

    def __init__(self, reference: Path | None) -> None:
        """Look for them; None for none.

        Raises:
            UsageError: it cannot be used.
        """
        self._one = ReferenceFile(reference, read_reference(reference).digest) if reference else None

    def of(self, item: WorkItem) -> ReferenceFile | None:
        """Return the reference of a photograph, or of those in a shard, if it has one."""
        return self._one


NO_REFERENCES = References(None)


def open_references(reference: Path | None, contract: ModelContract) -> References:
    """Return the references of a run with a model.

    Raises:
        UsageError: see `References`; or the model takes no hints.
    """
    if reference:
        check_takes_references(contract)
    return References(reference)
