import pytest

from mlops.spec.slips import slips

SLIPS = {
    "tab for indentation": ("dataset:\n\tname: wine", 2, "name", "tab"),
    "tab after the colon": ("algorithm:\txgboost", 1, "algorithm", "tab"),
    "full-width colon": ("algorithm\uff1a xgboost", 1, "algorithm", "U+FF1A"),
    "no space after the colon": ("algorithm:xgboost", 1, "algorithm", "no space"),
    "full-width indentation": ("dataset:\n\u3000name: wine", 2, "name", "U+3000"),
    "non-breaking space after the colon": ("algorithm:\u00a0xgboost", 1, "algorithm", "U+00A0"),
    "full-width space after the colon": ("algorithm:\u3000xgboost", 1, "algorithm", "U+3000"),
    "non-breaking indentation": ("dataset:\n\u00a0\u00a0name: wine", 2, "name", "U+00A0"),
}


@pytest.mark.parametrize("case", SLIPS.values(), ids=SLIPS)
def test_slip_is_named_on_its_line(case):
    text, line, key, word = case
    (problem,) = slips(text)
    assert (problem.line, problem.field) == (line, key)
    assert word in problem.message


def test_sound_yaml_and_addresses_hold_no_slip():
    assert slips("algorithm: xgboost\ndataset:\n  - name: a\nhttps://example.org\nUhrzeit 12:30") == []


def test_of_prose_only_lines_with_known_keys_count():
    assert [problem.field for problem in slips("Note:this\nalgorithm:xgboost", keys={"algorithm"})] == ["algorithm"]
