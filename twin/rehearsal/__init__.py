"""Losses, brought about on purpose on a system of its own, and how long it takes until nothing is missing."""
