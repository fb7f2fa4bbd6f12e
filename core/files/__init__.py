"""Files and folders: what appears complete, and what is searched."""
