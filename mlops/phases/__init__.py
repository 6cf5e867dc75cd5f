"""The seven phases: each starts a job or decides that none is needed, and collects what came out."""
