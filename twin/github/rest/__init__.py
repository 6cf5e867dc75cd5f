"""The REST API, one module per resource; each ends with its table of routes."""
