"""Claims hold, fail, or were not evaluated; whatever else a cell hands over is refused."""

import json
import pickle

import nbformat
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from mldev import claims
from mldev.claims import Claim, ClaimFailed, ClaimNotEvaluated, claim, collecting, evidence_line, not_evaluated
from mldev.experiments import Interval

STATEMENT = "Random search needs more trials than the Gaussian process"


@pytest.fixture(autouse=True)
def new_kernel(monkeypatch):
    monkeypatch.setattr(claims, "_statements", {})
    monkeypatch.delenv("MLDEV_STRICT", raising=False)


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would be sent."""
    bundles = []
    monkeypatch.setattr(claims, "get_ipython", lambda: object())
    monkeypatch.setattr(claims, "publish_display_data", bundles.append)
    return bundles


def test_a_claim_that_holds_is_shown(shown):
    claim("more-trials", STATEMENT, np.bool_(True), Interval(3.04, 2.51, 3.62, n=20))
    (bundle,) = shown
    expected = {"name": "more-trials", "statement": STATEMENT, "holds": True}
    assert bundle[claims.MIME] == {**expected, "evidence": "3.0 [2.5, 3.6] (95 % interval, n = 20)"}
    assert json.loads(json.dumps(bundle[claims.MIME])) == bundle[claims.MIME]
    assert STATEMENT in bundle["text/plain"] and STATEMENT in bundle["text/html"]


def test_html_cannot_be_broken_by_a_statement(shown):
    claim("less", "a < b & c", True, "<script>")
    assert "a &lt; b &amp; c" in shown[0]["text/html"]
    assert "<script>" not in shown[0]["text/html"]


def test_a_claim_that_does_not_hold_raises_one_readable_block(shown):
    with pytest.raises(ClaimFailed) as caught:
        claim("more-trials", STATEMENT, False, {"ratio": Interval(1.04, 0.81, 1.32, n=20), "seeds": 20})
    assert str(caught.value).splitlines() == [
        "the claim 'more-trials' does not hold",
        f"  statement: {STATEMENT}",
        "  evidence:  ratio: 1.04 [0.81, 1.32] (95 % interval, n = 20); seeds: 20",
    ]
    assert isinstance(caught.value, AssertionError)
    assert not shown


def test_a_failed_claim_survives_the_way_from_a_worker():
    failed = ClaimFailed(Claim("more-trials", STATEMENT, False, "0.5"))
    assert str(pickle.loads(pickle.dumps(failed))) == str(failed)


@pytest.mark.parametrize("holds", [1, 0, None, "yes", np.array([True]), np.float64(1.0)])
def test_holds_is_true_or_false(holds):
    with pytest.raises(TypeError, match="'more-trials': holds must be True or False"):
        claim("more-trials", STATEMENT, holds, "20 seeds")


@pytest.mark.parametrize(
    "name", ["", "More-Trials", "more_trials", "more trials", "-more", "more-", "more--trials", "3x", 7]
)
def test_names_are_words_joined_by_hyphens(name):
    with pytest.raises(ValueError, match="lower-case words joined by hyphens"):
        claim(name, STATEMENT, True, "20 seeds")


@pytest.mark.parametrize(
    ("statement", "evidence", "argument"),
    [("", "20 seeds", "statement"), (" \n", "20", "statement"), ("A", "", "evidence")],
)
def test_nothing_is_left_empty(statement, evidence, argument):
    with pytest.raises(ValueError, match=f"'more-trials': {argument} is empty"):
        claim("more-trials", statement, True, evidence)


def test_two_claims_do_not_share_a_name():
    claim("more-trials", STATEMENT, True, "20 seeds")
    claim("more-trials", STATEMENT, True, "40 seeds")  # the cell was run again
    with pytest.raises(ValueError, match="two claims are named 'more-trials'"):
        claim("more-trials", "Something else", True, "20 seeds")


@pytest.mark.parametrize(
    ("evidence", "line"),
    [
        ("20 seeds,\n  two data sets", "20 seeds, two data sets"),
        (np.float64(0.123456), "0.1235"),
        (np.int64(12345), "12345"),
        (True, "True"),
        ([0.5, "half"], "0.5, half"),
        ({"a": 1, "b": Interval(0.5, 0.25, 0.75, 9)}, "a: 1; b: 0.50 [0.25, 0.75] (95 % interval, n = 9)"),
    ],
)
def test_evidence_becomes_one_line(evidence, line):
    assert evidence_line("more-trials", evidence) == line


@given(st.recursive(st.text(min_size=1) | st.floats() | st.integers(), lambda inner: st.lists(inner, min_size=1)))
@settings(derandomize=True, deadline=None)
def test_evidence_never_spans_lines(evidence):
    try:
        line = evidence_line("any", evidence)
    except ValueError as error:
        assert "evidence is empty" in str(error)
    else:
        assert len(line.splitlines()) == 1 and line == line.strip()


def test_evidence_without_words_is_refused():
    with pytest.raises(TypeError, match="evidence must be an interval"):
        claim("more-trials", STATEMENT, True, object())


def test_what_was_not_evaluated_is_listed(shown):
    not_evaluated("h2o-leads", "H2O finds the better model", "a Java runtime")
    assert shown[0][claims.MIME]["holds"] is None
    assert shown[0][claims.MIME]["evidence"] == "needs a Java runtime"


def test_what_was_not_evaluated_fails_where_everything_is_installed(monkeypatch):
    monkeypatch.setenv("MLDEV_STRICT", "1")
    with pytest.raises(ClaimNotEvaluated, match="'h2o-leads' was not evaluated: it needs a Java runtime"):
        not_evaluated("h2o-leads", "H2O finds the better model", "a Java runtime")


def test_collecting_takes_the_place_of_showing_and_raising(shown):
    with collecting() as found:
        claim("first", "A", False, 0.25)
        not_evaluated("second", "B", "a Java runtime")
    assert found == [Claim("first", "A", False, "0.25"), Claim("second", "B", None, "needs a Java runtime")]
    assert not shown
    with pytest.raises(ClaimFailed):
        claim("first", "A", False, 0.25)


def test_claims_reach_a_notebook_and_stop_it():
    cells = [
        "from mldev.claims import claim\nclaim('first', 'A is so', True, 1.5)",
        "claim('second', 'B is so', False, 0.5)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    with pytest.raises(CellExecutionError, match="the claim 'second' does not hold"):
        NotebookClient(notebook).execute()
    (output,) = notebook.cells[0].outputs
    assert output.data[claims.MIME] == {"name": "first", "statement": "A is so", "holds": True, "evidence": "1.5"}
    assert output.data["text/plain"] == "✓ Claim checked: A is so (1.5)"
