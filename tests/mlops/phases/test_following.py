"""How far a training is, told while it runs."""

from mlops.identity import Phase
from mlops.phases import following, train
from mlops.record import PhaseRecord


def test_the_record_says_which_epoch_a_long_training_has_reached(laptop):
    laptop.upload("toy")
    run_key = laptop.open_run(
        algorithm="neural_network",
        hyperparameters={"algorithm": "neural_network", "epochs": 1000, "early_stopping_patience": 0},
    )
    laptop.run_phase(run_key, "prepare")
    job = train.start(laptop.services, run_key).job
    laptop.services.ledger.update_run(run_key, _began_long_ago)
    moved, status = None, None
    while moved is None and (status is None or status.state == "running"):
        status, moved = following.follow(laptop.services, job.name, job.kind)
    assert moved == run_key
    assert laptop.services.ledger.require_run(run_key).phases[Phase.TRAIN].message.startswith("Epoch ")
    assert following.follow(laptop.services, job.name, job.kind)[1] is None  # the next word waits
    laptop.services.cloud.sagemaker.stop_training_job(TrainingJobName=job.name)


def _began_long_ago(record):
    known: PhaseRecord = record.phases[Phase.TRAIN]
    record.phases[Phase.TRAIN] = known.model_copy(update={"started_at": "2026-01-01T00:00:00Z"})
    return record
