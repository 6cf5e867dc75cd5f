"""The pages: issues, files and commits, as a person sees them in a browser."""
