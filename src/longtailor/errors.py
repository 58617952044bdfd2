"""Failures that a user can mend, each told in one line."""


class LongtailorError(Exception):
    """A failure the user can mend.

    The message is one line that names the file, row, column and label concerned, as far as
    they are known, and says what to do. The command line prints it and exits with status 1.
    """


class CatalogError(LongtailorError):
    """A catalogue that cannot be read as one."""


class ImageError(LongtailorError):
    """A file that cannot be decoded as an image."""


class UsageError(LongtailorError):
    """A command, option or argument that makes no sense. Exit status 2."""
