"""Privacy-preserving extraction and de-identification of Chinese health data."""

__version__ = "0.1.0"
