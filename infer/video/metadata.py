"""The text of a video: what of it is kept, and what a container needs to hold it."""

from collections.abc import Mapping

_OWN_TAGS = ("encoder", "major_brand", "minor_version", "compatible_brands", "vendor_id")
_STATISTICS = ("bps", "duration", "number_of_", "_statistics_")  # Matroska's, of the old video stream
_TIMECODE = "timecode"
_COMMENT = "comment"
_HELD_BY_MP4 = frozenset(
    {
        *("album", "album_artist", "artist", "comment", "composer", "copyright", "creation_time", "date"),
        *("description", "disc", "episode_id", "genre", "grouping", "lyrics", "network", "show", "synopsis"),
        *("timecode", "title", "track"),
    }
)
"""The keys that MP4 and MOV hold without the atoms that take any name."""


def kept_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of a file or stream without those that a writer makes itself; case does not count."""
    return {
        key: value
        for key, value in tags.items()
        if key.lower() not in _OWN_TAGS and not key.lower().startswith(_STATISTICS)
    }


def kept_stream_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return `kept_tags` of a stream; FFmpeg reads its name as ``name`` from MP4, and writes ``title``."""
    kept = kept_tags(tags)
    name = kept.pop("name", None)
    return {"title": name, **kept} if name else kept


def without_timecode(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags without that of the first frame's time code."""
    return {key: value for key, value in tags.items() if key.lower() != _TIMECODE}


def has_timecode(tags: Mapping[str, str]) -> bool:
    """Tell whether the tags have the first frame's time code."""
    return len(without_timecode(tags)) < len(tags)


def comment_of(tags: Mapping[str, str]) -> str:
    """Return the comment, whose key Matroska has in capitals; empty where there is none."""
    return next((value for key, value in tags.items() if key.lower() == _COMMENT), "")


def with_comment(tags: Mapping[str, str], comment: str) -> dict[str, str]:
    """Return the tags with ``comment`` behind the one they have."""
    said = comment_of(tags)
    others = {key: value for key, value in tags.items() if key.lower() != _COMMENT}
    return others | {_COMMENT: f"{said}; {comment}" if said else comment}


def needs_free_names(tags: Mapping[str, str]) -> bool:
    """Tell whether MP4 and MOV hold some of the tags only in atoms that take any name, as phones write."""
    return not {key.lower() for key in tags} <= _HELD_BY_MP4
