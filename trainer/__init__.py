"""Training of colorization generators."""
