"""Export of trained generators to files that are proven to give the same colours."""
