"""What all parts share: contract, parity and errors; in rooms colour, images, files and the system."""
