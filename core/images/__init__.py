"""Image files: decoding, encoding, metadata, profiles, formats."""
