"""Notes on outputs that a person should look at."""

HARDLY_ANY_COLOR = "hardly any colour"
"""In the `ItemResult.note` on an output that a person should look at."""

DAMAGED = "the input is damaged, parts may be missing"
"""In the `ItemResult.note` on an output that a person should look at."""
