"""What a process tells of its work: one JSON line a record, and spans that follow a run from process to process."""
