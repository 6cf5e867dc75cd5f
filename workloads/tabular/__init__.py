"""Tables of numbers and words: prepare, train, validate, package."""
