"""`drift`: has what an endpoint is asked become different from what its model was trained on?"""

from workloads.drift.job import main

__all__ = ["main"]
