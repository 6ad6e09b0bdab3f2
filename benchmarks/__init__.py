"""Benchmarks: ratios against a peer within one run. ``make bench`` runs them; nothing here is a test."""
