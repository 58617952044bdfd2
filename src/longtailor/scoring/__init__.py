"""A detector over many products."""
