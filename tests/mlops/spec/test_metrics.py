import pytest

from mlops.spec import metrics


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("F1-Score", "f1"),
        ("f1_score", "f1"),
        ("AUC-ROC", "auc_roc"),
        ("auc roc", "auc_roc"),
        ("R²", "r2"),
        ("RMSE", "rmse"),
        ("mAP@0.5", "map_50"),
        ("mAP@0.5:0.95", "map_50_95"),
        ("Silhouette Score", "silhouette"),
        ("Davies-Bouldin Index", "davies_bouldin"),
        ("3D AP easy", None),
        ("nonsense", None),
    ],
)
def test_a_metric_is_known_by_the_spellings_people_use(written, name):
    found = metrics.find(written)
    assert (found.name if found else None) == name


@pytest.mark.parametrize("name", ["rmse", "mae", "mape", "davies_bouldin", "inference_latency_ms", "collision_rate"])
def test_small_values_of_some_metrics_are_good(name):
    assert metrics.METRICS[name].smaller_is_better


@pytest.mark.parametrize("name", ["accuracy", "f1", "auc_roc", "r2", "silhouette", "explained_variance"])
def test_large_values_of_others_are_good(name):
    assert not metrics.METRICS[name].smaller_is_better


def test_the_primary_metric_of_a_task_belongs_to_it():
    assert all(
        metrics.primary(task).fits(task) and metrics.primary(task) in metrics.of_task(task) for task in metrics.PRIMARY
    )


def test_no_two_metrics_share_a_spelling():
    spellings = [spelling for one in metrics.METRICS.values() for spelling in (one.name, *one.aliases)]
    found = [metrics.find(spelling) for spelling in spellings]
    owners = [one for one in metrics.METRICS.values() for _ in (one.name, *one.aliases)]
    assert found == owners
