"""The options of a run over photographs and videos."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from colorize_gan.core.errors import UsageError
from colorize_gan.core.system.devices import cuda_number
from colorize_gan.infer.batch.open import ModelOptions
from colorize_gan.infer.batch.results import BatchOptions
from colorize_gan.infer.batch.work import Selection
from colorize_gan.infer.remote.places import ANYWHERE

Engine = Literal["local", "ray"]


@dataclass(frozen=True)
class BatchJob:
    """All that a run is asked to do."""

    inputs: Sequence[Path | Sequence[Path]]
    """Files, folders, globs and URLs; one that is a list stands for the files in it."""
    out: Path
    """Folder or URL of the results."""
    model: ModelOptions = field(default_factory=ModelOptions)
    options: BatchOptions = field(default_factory=BatchOptions)
    """Where they have `members`, the inputs are WebDataset shards, and so are the outputs."""
    selection: Selection = field(default_factory=Selection)
    """Which photographs of folders and globs are taken."""
    videos: bool = False
    """Colorize videos, too; else they are left alone, and counted."""
    engine: Engine = "local"
    """The engine that does the work: this machine, or a Ray cluster."""
    ray_address: str | None = None
    """Address of the cluster: see `open_cluster`."""
    limit: int | None = None
    """Do the first so many only."""
    fail_fast: bool = False
    """End at the first failure."""
    dry_run: bool = False
    """Write nothing: results tell what would be written, and the failures that are known before."""
    report: Path | None = None
    """A file that is written beside the outputs, by who watches the run; so is the next."""
    gallery: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what does not go together."""
        _check_engine(self)
        _check_shards(self)
        _check_reference(self)
        _check_urls(self)


def _check_engine(job: BatchJob) -> None:
    device, on_exists = job.model.device, job.options.on_exists
    if job.engine == "local":
        if job.ray_address is not None:
            raise UsageError("`ray_address` is for `engine` ray")
        return
    if job.videos:
        raise UsageError("`videos` is for `engine` local, and colorize-video")
    if on_exists == "rename":
        raise UsageError(
            "`on_exists` rename is for `engine` local: what a lost machine wrote would be there twice"
        )
    cuda_number(device, lambda: False)  # refuses what is none
    if device.startswith("cuda:"):
        raise UsageError(f"`device` {device}: Ray chooses the GPU; use `device` cuda")


def _check_shards(job: BatchJob) -> None:
    if not job.options.members:
        return
    if job.videos or job.gallery:
        raise UsageError(f"`{'videos' if job.videos else 'gallery'}` is for files, not for `shards`")
    if isinstance(job.options.hints, Path):
        raise UsageError(f"`hints` {job.options.hints}: for files, not for `shards`")
    if job.options.on_exists == "rename":
        raise UsageError("`on_exists` rename is for images; with `shards` use skip, overwrite or error")


def _check_reference(job: BatchJob) -> None:
    reference = job.options.reference
    if reference and reference.is_dir() and (job.videos or job.options.members):
        others = "videos" if job.videos else "shards"
        raise UsageError(f"`reference` {reference}: a folder is for photographs, not for `{others}`")


def _check_urls(job: BatchJob) -> None:
    """Refuse what object storage cannot do."""
    named = [path for path in job.inputs if not isinstance(path, Sequence)]
    out = ANYWHERE.place(job.out).url
    urls = [url for path in (*named, job.out) if (url := ANYWHERE.place(path).url)]
    if job.videos and urls:
        raise UsageError(f"{urls[0]}: `videos` is for files; copy the videos to a disk")
    if job.options.on_exists == "rename" and out:
        raise UsageError(f"{out}: `on_exists` rename is for folders; use skip, overwrite or error")
