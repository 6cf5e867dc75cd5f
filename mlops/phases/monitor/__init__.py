"""`monitor`: a watch over each endpoint, its figures, and checks of what it is asked for drift."""

from __future__ import annotations

from mlops.phases.monitor.drift import collect_drift_check, start_drift_check
from mlops.phases.monitor.watch import metrics, open_watch, watched

__all__ = ["collect_drift_check", "metrics", "open_watch", "start_drift_check", "watched"]
