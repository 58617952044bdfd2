"""Metrics by label and band, thresholds, calibration, intervals."""
