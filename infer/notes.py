"""Notes on outputs and files that a person should look at."""

HARDLY_ANY_COLOR = "hardly any colour"
"""In the `ItemResult.note` on an output that a person should look at."""

HINTS_OF_NONE = "hints of no photograph: name them after one, as in old.jpg.hints.json for old.jpg"
"""The `ItemResult.reason` of a file that nobody has a use for."""

REFERENCE_OF_NONE = (
    "a reference of no photograph: name it after an output, as in old.webp for old.jpg (case counts)"
)
"""The `ItemResult.reason` of a file that nobody has a use for."""

DAMAGED = "the input is damaged, parts may be missing"
"""In the `ItemResult.note` on an output that a person should look at."""
