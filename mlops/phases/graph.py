"""The one graph of the phases: the DAG and the state machine are both drawn from it."""

from __future__ import annotations

from mlops.identity import Phase

FOLLOWERS: dict[Phase, tuple[Phase, ...]] = {
    Phase.PREPARE: (Phase.TRAIN,),
    Phase.TRAIN: (Phase.VALIDATE,),
    # The verdict chooses: an accepted model is packaged; after any other comes the question what to do next.
    Phase.VALIDATE: (Phase.PACKAGE, Phase.RETRAIN),
    Phase.PACKAGE: (Phase.DEPLOY,),
    Phase.DEPLOY: (Phase.MONITOR,),
    Phase.MONITOR: (Phase.RETRAIN,),
    Phase.RETRAIN: (),
}
"""What may follow each phase; the usual way first."""

FIRST, LAST = Phase.PREPARE, Phase.RETRAIN
EDGES = tuple((phase, follower) for phase, followers in FOLLOWERS.items() for follower in followers)
