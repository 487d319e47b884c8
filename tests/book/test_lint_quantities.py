"""The lint's rule on typed quantities: what it calls measured, what it leaves alone, and where it looks."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from sphinx.application import Sphinx

from bookbuild.lint.quantities import measured
from bookbuild.lint.run import check

FIXTURES = Path(__file__).parent / "fixtures"
write, put = (runpy.run_path(str(FIXTURES / "lint_book.py"))[name] for name in ("write", "put"))

MEASURED = [
    "The search reaches 0.93 on the test set.",
    "It saves 40 % of the cost.",
    "It saves 40% of the cost.",
    "It saves forty per cent of the cost.",
    "Random search needs three times as many trials.",
    "Random search needs 3x as many trials.",
    "Random search is 3 times slower.",
    "The model trains twice as fast.",
    "It needs half as many trials.",
    "The cost falls by half.",
    "Less than half of the seeds win.",
    "It takes twelve seconds.",
    "It took 12 s of CPU and 3 minutes of patience.",
    "After 50 trials the curves part.",
    "Over twenty seeds the order holds.",
    "The network needs 30 epochs.",
    "It wins in 17 of 20 seeds.",
    "Nine out of ten runs end well.",
    "One in three starts fails.",
    "The error is 3 points lower.",
    "It is faster by 12.",
    "The loss doubles.",
    "That doubles the error.",
    "Two thirds of the budget is wasted.",
    "A quarter of the trials fail.",
    "The cost drops by a third.",
    "It is an order of magnitude cheaper.",
    "A tenfold saving is common.",
    "The difference is 1e-6.",
    "An accuracy of 93 is reached.",
    "It gains 4 over the default.",
    "The data has 20,190 rows.",
    "The network has 1,200,000 parameters.",
    "It is 1.5x faster.",
    "The cost is 2.4× that of random search.",
    "The p-value of the test, 0.03, is small.",
    "Its median is twice the mean.",
    "It needs more than twice the memory.",
    "Its score is 12.",
    "It uses 300 MB of memory.",
    "The search costs about half.",
    "The run is 5-fold cheaper.",
    "Grid search wastes three quarters of its budget.",
    "A 60-second budget suffices.",
    "Its 12 s of CPU are few.",
    "The speed-up is 1.7 on two cores.",
    "Half the trials fail.",
    "The gap closes to half.",
    "A hundred times more data helps little.",
    "Latency is 12 ms.",
    "It needs thirty-two epochs.",
    "TPE beats it in nine of ten seeds.",
    "**0.93** is the score.",
    "The cost\nfalls by a\nthird.",
]

MEASURED += [
    "It differs by a factor of three.",
    "The cost is nearly double.",
    "The time drops to one third.",
    "It wins in 17 of the seeds.",
    "Many times as many trials are needed.",
    "It reaches 1.05 of the best.",
    "It is measured over two hundred seeds.",
    "They differ by two orders of magnitude.",
    "It takes ½ of the time.",
]
HARMLESS = [
    "It runs on two cores.",
    "One of the methods wins.",
    "Section 3 explains it.",
    "In 2012 the paper appeared.",
    "We use k-fold cross-validation.",
    "We use 5-fold cross-validation.",
    "Ten-fold cross-validation is the default.",
    "The task is 5-way 1-shot.",
    "Part 4 follows.",
    "Python 3.11 is needed.",
    "The 95 % bootstrap interval lies above zero.",
    "A 95% confidence interval is drawn.",
    "The text is under CC BY 4.0.",
    "The search reaches {glue:text}`best:.2f` on the test set.",
    "It saves {glue:text}`saving:.0f` % of the cost.",
    "It needs {glue:text}`ratio:.1f` times as many trials.",
    "They promised 70 % less cost {cite}`li2018`.",
    "We use {given}`20` seeds.",
    "The learning rate is `0.01` here.",
    "The rate is $0.1$ and $p = 0.05$.",
    "Repeat it three times.",
    "We run the search twice.",
    "The test data are never touched twice.",
    "The first half of the page is prose.",
    "It is a half-open interval.",
    "A third way is to guess.",
    "The third argument is the seed.",
    "Two workers share the storage.",
    "One trial is one training run.",
    "The image is 28 x 28 pixels.",
    "The 8 by 8 images are small.",
    "See {numref}`fig-regret` for 3 curves.",
    "Suppose 40 % of the labels are wrong.",
    "There are two hyperparameters, and five methods.",
    "Optuna 5.0 changed this.",
    "The second of the two wins.",
    "A 2-D grid is drawn.",
    "Take one step at a time.",
    "It has three parts: a space, a sampler and a pruner.",
    "Many methods were tried.",
    "The double descent curve is famous.",
    "Halving is a tournament.",
    "Successive halving keeps the best.",
    "The book has nine parts.",
    "scikit-learn 1.9 and pandas 2.3 are pinned.",
    "Three questions decide.",
    "A 3 x 3 convolution.",
    "Version 1.2.3 is old.",
    "At times it fails.",
    "The seconds tick by.",
    "Each rung doubles the budget.",
    "Take two trials with the same score.",
    "An interval of level 95 % is drawn: the 95 % paired bootstrap interval.",
    "The gap is {glue:text}`gap:.2f`, {glue:text}`share:.0%` of the whole.",
    "It is described at https://example.org/0.93/40%.",
    "The [table](https://example.org/1.5x) has it.",
    "A ten-armed bandit.",
    "Three of the methods lose.",
    "It is done at most twice.",
    "Half-open intervals hold their left end.",
    "Line 3 of the listing is the one that matters.",
    "At rung 2 of the bracket the runs are compared.",
    "The score lies between 0.0 and 1.0.",
    "Count how many times it was called.",
    "They use Algorithm 2.1 of the book.",
    "For studies of many hundred trials use CMA-ES.",
    "The grid spends its levels on one order of magnitude.",
    "It is tuned by its order of magnitude.",
    "Errors are counted per thousand rows.",
    "The prior factor of the product is flat.",
]


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    return write(tmp_path_factory.mktemp("quantities"), chapter=False)


def faults(book, text):
    put(book / "book/preface.md", f"# Preface\n\n{text}\n")
    return check(book, ["quantity"])


@pytest.mark.parametrize("sentence", MEASURED)
def test_measured_quantity_is_found(book, sentence):
    found = faults(book, sentence)
    assert found, f"not found: {sentence}"
    assert {(fault.path, fault.rule) for fault in found} == {("book/preface.md", "quantity")}
    assert all("typed" in fault.problem and "{given}" in fault.remedy for fault in found)


@pytest.mark.parametrize("sentence", HARMLESS)
def test_harmless_number_is_left_alone(book, sentence):
    assert faults(book, sentence) == []


def test_words_and_kind_are_named():
    assert list(measured("It needs three times as many trials, 40 % more.")) == [
        (9, "three times", "multiple"),
        (37, "40 %", "share"),
    ]


def test_line_is_that_of_the_quantity(book):
    found = faults(book, "A first line,\na second with 0.93,\nand the end.")
    assert [fault.line for fault in found] == [4]


def test_source_counts_for_its_own_sentence_only(book):
    found = faults(book, "They saved 70 % {cite}`li2018`. We save 40 %.")
    assert [fault.problem for fault in found] == ["typed change 'save 40 %'"]


@pytest.mark.parametrize(
    "text",
    [
        "## About 3.5 ideas",
        "```{exercise-start}\n:label: ex-a\n```\nReach 0.93 in 50 trials.\n```{exercise-end}\n```",
        "```{exercise}\n:label: ex-a\nReach 0.93 in 50 trials.\n```",
        "```{prf:definition} Half-life\nThe time after which half of it is left.\n```",
        "```{code-cell} ipython3\nlearning_rate = 0.93  # 40 % less\n```",
        "```python\nlearning_rate = 0.93\n```",
        "```{math}\n0.93 x\n```",
        "% a comment on 0.93",
        "<!-- a comment\non 0.93 -->",
        "## Further reading\n\n- {cite:t}`li2018` find 70 % less cost. They use 50 trials.",
    ],
)
def test_places_where_numbers_are_given(book, text):
    assert faults(book, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "- A list item with 0.93.",
        "| method | score |\n|---|---|\n| random | 0.93 |",
        "```{note}\nIt reaches 0.93.\n```",
        ":::{tip}\nIt reaches 0.93.\n:::",
        "```{solution-start} ex-a\n```\nIt reaches 0.93.\n```{solution-end}\n```",
        '```{code-cell} ipython3\n---\nmystnb:\n  figure: {name: fig-a, caption: "It reaches 0.93."}\n---\n1\n```',
        '```{code-cell} ipython3\n---\nmystnb:\n  image: {alt: "A curve that falls by half."}\n---\n1\n```',
    ],
)
def test_places_where_numbers_are_results(book, text):
    assert len(faults(book, text)) == 1


def test_given_number_reads_plainly(tmp_path):
    """The role renders its text and nothing else, so that a reader never notices it."""
    put(tmp_path / "index.md", "# A page\n\nOver {given}`20 seeds` and {given}`95 %`.\n")
    put(tmp_path / "conf.py", 'extensions = ["myst_parser", "bookbuild.given"]\n')
    app = Sphinx(tmp_path, tmp_path, tmp_path / "out", tmp_path / "trees", "text", status=None, warningiserror=True)
    app.build()
    assert "Over 20 seeds and 95 %." in (tmp_path / "out" / "index.txt").read_text(encoding="utf-8")
