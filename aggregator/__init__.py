"""News by subject: feeds and files in, one feed per topic out."""

__version__ = "0.1.0"
