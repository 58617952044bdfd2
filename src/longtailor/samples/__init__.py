"""The sample catalogue: drawn garments with a long tail, so that nobody's photos are shipped."""

from longtailor.samples.catalogue import draw_catalog

__all__ = ["draw_catalog"]
