"""The lines that a training job prints each epoch."""

from mlops.epochs import Epoch, read_epochs, sentence
from workloads.contract import print_metrics


def test_what_a_job_prints_is_read_back(capsys):
    print_metrics(3, train={"loss": 0.125}, validation={"map_50": 0.5})
    assert read_epochs(capsys.readouterr().out.splitlines()) == [
        Epoch(3, {"train:loss": 0.125, "validation:map_50": 0.5})
    ]


def test_other_lines_numbers_that_are_none_and_the_lead_of_a_host_do_no_harm():
    lines = ['{"message": "epoch=9"}', "epoch=2 train:loss=nan train:lr=x", "[algo-1] epoch=1 train:loss=2", "epoch=2"]
    assert read_epochs(lines) == [Epoch(1, {"train:loss": 2.0}), Epoch(2, {})]


def test_the_sentence_names_the_newest_epoch_and_the_newest_judgement():
    epochs = [Epoch(10, {"train:loss": 3.0, "validation:map_50": 0.41}), Epoch(12, {"train:loss": 2.5})]
    assert sentence(epochs, 30) == "Epoch 12 of 30: validation map_50 0.41, train loss 2.5."
    assert sentence([Epoch(1, {})], None) == "Epoch 1."
