"""One folder for what one command writes."""
