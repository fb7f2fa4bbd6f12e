"""Opening the record of a folder or of a bucket."""

from pathlib import Path

from colorize_gan.infer.batch.record import Record
from colorize_gan.infer.remote.urls import is_url


def open_record(out: Path) -> Record:
    """Open the record of a folder or an URL.

    Raises:
        OSError: it cannot be written.
    """
    if not is_url(out):
        return Record(out)
    from colorize_gan.infer.remote.bucket_record import BucketRecord

    return BucketRecord(out)
