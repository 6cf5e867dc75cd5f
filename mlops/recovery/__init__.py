"""What an operator runs after a loss: each step says what it would do, shows its progress and may be repeated."""
