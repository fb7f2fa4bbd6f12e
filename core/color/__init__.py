"""CIE Lab, tones, metrics, and arithmetic on arrays of pixels."""
