import pytest

from workloads.augmentation.recipe import settle
from workloads.contract import UserError
from workloads.yolox.variants import VARIANTS

NANO, M = VARIANTS["yolox-nano"], VARIANTS["yolox-m"]


@pytest.mark.parametrize(
    ("name", "mosaic", "mixup", "scale"),
    [("yolox-nano", 0.5, 0.0, (0.5, 1.5)), ("yolox-tiny", 1.0, 0.0, (0.5, 1.5)), ("yolox-m", 1.0, 1.0, (0.1, 2.0))],
)
def test_empty_list_is_the_official_recipe(name, mosaic, mixup, scale):
    recipe, notes = settle(VARIANTS[name], [], {"mosaic_prob": None})
    assert (recipe.mosaic_prob, recipe.mixup_prob, recipe.mosaic.scale) == (mosaic, mixup, scale)
    assert (recipe.mosaic.rotation_deg, recipe.mosaic.shear_deg, recipe.mosaic.translate) == (10, 2, 0.1)
    assert (recipe.colour, recipe.flip_prob, notes) == (True, 0.5, [])


def test_mixup_of_a_small_network_is_kept_and_warned_about():
    recipe, notes = settle(NANO, [], {"mixup_prob": 1.0})
    assert recipe.mixup_prob == 1.0
    assert len(notes) == 1
    assert notes[0].startswith("mixup_prob 1 is kept; the official recipe of yolox-nano has none")


def test_mixup_named_without_a_probability_keeps_the_official_value():
    recipe, notes = settle(NANO, ["mosaic", "mixup"], {})
    assert recipe.mixup_prob == 0
    assert notes == ["mixup is named, but officially off for yolox-nano; set mixup_prob to have it"]


def test_list_leaves_out_what_it_does_not_name():
    recipe, notes = settle(M, ["random_rotation", "global_scaling", "random_flip"], {"mosaic_prob": 1.0})
    assert (recipe.mosaic_prob, recipe.mixup_prob, recipe.colour, recipe.flip_prob) == (0, 0, False, 0.5)
    assert (recipe.single.rotation_deg, recipe.single.scale) == (10, (0.1, 2.0))
    assert notes == ["mosaic_prob 1 has no effect: augmentation names others, not mosaic"]


@pytest.mark.parametrize(
    ("chosen", "settings", "words"),
    [(["blur"], {}, "augmentation: 'blur' is unknown; choose from mosaic, mixup"),
     ([], {"mosaic_prob": 1.5}, r"hyperparameters.mosaic_prob: 1.5 given; choose 0 to 1")],
    ids=["name", "probability"],
)  # fmt: skip
def test_what_cannot_be_is_refused(chosen, settings, words):
    with pytest.raises(UserError, match=words):
        settle(M, chosen, settings)
