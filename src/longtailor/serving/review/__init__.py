"""A page on which a person decides which products have a label."""

from longtailor.serving.review.open import open_review

__all__ = ["open_review"]
