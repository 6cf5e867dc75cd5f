"""Waiting for issues."""
