"""Thin shells: call one tool; start a job and wait; judge and branch."""
