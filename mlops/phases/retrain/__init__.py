"""`retrain`: what comes after a run, and the runs that no person starts."""

from __future__ import annotations

from mlops.phases.retrain.ending import decide, suggest
from mlops.phases.retrain.triggers import act_on_drift, consider_new_data, start_scheduled

__all__ = ["act_on_drift", "consider_new_data", "decide", "start_scheduled", "suggest"]
