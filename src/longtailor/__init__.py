"""Learn rare attributes from the labels a catalogue already has."""

__version__ = "0.1.0"
