"""The sample catalogue: drawn garments with a long tail, so that nobody's photos are shipped."""

from longtailor.samples.catalogue import draw_catalog
from longtailor.samples.sheet import contact_sheet, sample_sheet

__all__ = ["contact_sheet", "draw_catalog", "sample_sheet"]
