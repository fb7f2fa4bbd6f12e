"""Opening the record of a folder or of a bucket."""

from colorize_gan.core.files.paths import StrPath
from colorize_gan.infer.batch.folder_state import Record
from colorize_gan.infer.remote.urls import is_url, path_of


def open_record(out: StrPath) -> Record:
    """Open the record of a folder or an URL.

    Raises:
        OSError: it cannot be written.
    """
    out = path_of(out)
    if not is_url(out):
        return Record(out)
    from colorize_gan.infer.remote.bucket_state import BucketRecord

    return BucketRecord(out)
