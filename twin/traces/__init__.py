"""A page a run: what happened when, and where, as a waterfall."""
