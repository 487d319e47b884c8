"""Datasheets (chapter "Responsible data management"): computed where possible, asked for where not.

The sections follow Gebru and others (2021); the questions are a short list in our words. `datasheet(name)` answers
each from the data, from the registry or from `ANSWERS`, which people wrote; what nobody has answered stays a question.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import pandas as pd

from mldev.data.responsible_data import group_sizes
from mldev.data.responsible_data_law import ABOUT, about_people, family
from mldev.data.responsible_data_lineage import content_hash
from mldev.datasets import REGISTRY, Images, Series, Table, Texts, load


@dataclass(frozen=True)
class Question:
    """One question of a datasheet: its section, a key, its text, and who can answer: data, registry or people."""

    section: str
    key: str
    text: str
    who: str


QUESTIONS = tuple(
    Question(*line)
    for line in (
        ("Motivation", "purpose", "What is it, and what is it good for?", "registry"),
        ("Motivation", "makers", "Who made it, and who paid?", "people"),
        ("Composition", "about", "Is it about people?", "people"),
        ("Composition", "size", "How large is it?", "data"),
        ("Composition", "types", "What kinds of values does it hold?", "data"),
        ("Composition", "missing", "What is missing?", "data"),
        ("Composition", "duplicates", "Do entries repeat?", "data"),
        ("Composition", "balance", "How is the target spread?", "data"),
        ("Composition", "sensitive", "Which columns are sensitive?", "registry"),
        ("Composition", "groups", "How large are the groups of people?", "data"),
        ("Composition", "unique", "Can people be singled out?", "data"),
        ("Composition", "absent", "Who or what is not in it?", "people"),
        ("Collection", "source", "Where does it come from?", "registry"),
        ("Collection", "how", "How was it collected?", "people"),
        ("Collection", "selection", "How were its entries chosen?", "people"),
        ("Collection", "when", "When was it collected?", "people"),
        ("Collection", "consent", "Did the people agree, and to what?", "people"),
        ("Collection", "review", "Did an ethics board look at it?", "people"),
        ("Preparation", "cleaning", "What was removed or changed?", "people"),
        ("Uses", "not-for", "What should it not be used for?", "people"),
        ("Distribution", "licence", "Under which licence?", "registry"),
        ("Distribution", "hash", "Which copy is this?", "data"),
        ("Maintenance", "keeper", "Who mends errors?", "people"),
        ("Maintenance", "removal", "Can somebody be taken out?", "people"),
    )
)

NOT_PEOPLE = dict.fromkeys(("consent", "review", "removal"), "not about people")

MADE = {
    "makers": "the book",
    "absent": "everybody: nobody in it exists",
    "how": "drawn from a random generator, by a formula in the registry's module",
    "selection": "none was chosen: all that were drawn are there",
    "when": "when it is loaded",
    "cleaning": "nothing",
    "not-for": "anything said about the world",
    "keeper": "the book's contributors",
}

ANSWERS: dict[str, dict[str, str]] = {
    "arrests": {
        "makers": (
            "a newspaper, which asked the police for their records under Ontario's law on access to information; "
            "M. Friendly, who analysed them for it, passed this part of them on"
        ),
        "absent": (
            "people whom the police recorded as neither Black nor white; whoever was not arrested; what else was "
            "charged, and why the police looked"
        ),
        "how": "by the police, for their own purposes, at the arrest; the colour is the one that an officer wrote",
        "when": "1997 to 2002",
        "consent": "no; police records, released on a request by a newspaper",
        "not-for": "deciding or predicting anything about a person",
    },
    "penguins": {
        "makers": "Palmer Station Long Term Ecological Research; K. B. Gorman and others",
        "how": "nesting penguins, measured on three islands",
    },
    "digits": {
        "how": "forms filled in by 43 people; this half comes from 13 of them",
        "cleaning": "bitmaps of 32 x 32 pixels, counted in blocks of 4 x 4",
    },
    "actg175": {"how": "a randomised clinical trial"},
    "rossi": {"how": "a randomised experiment with people released from prison"},
    "randhie": {"how": "a randomised experiment with insurance plans"},
    "glyphs": {
        "makers": "the book, from a font",
        "how": "letters of a font drawn with random changes",
        "when": "when it is loaded",
        "keeper": "the book's contributors",
    },
}


@dataclass(frozen=True)
class Answer:
    """An answer and where it came from: "data", "registry", "people", or "open" without a text."""

    question: Question
    text: str
    source: str


@dataclass(frozen=True)
class Datasheet:
    """The answers to all questions about one data set, the open ones included."""

    name: str
    answers: tuple[Answer, ...]

    @property
    def open(self) -> list[str]:
        """The questions that nobody has answered."""
        return [a.question.text for a in self.answers if a.source == "open"]

    @property
    def completeness(self) -> float:
        """The share of the questions that have an answer."""
        return 1 - len(self.open) / len(self.answers)

    def counts(self) -> dict[str, int]:
        """How many answers came from where."""
        sources = [answer.source for answer in self.answers]
        kinds = ("data", "registry", "people", "open")
        return {kind: sources.count(kind) for kind in kinds}

    def markdown(self) -> str:
        """The sheet for a reader, section by section."""
        lines, section = [], ""
        for answer in self.answers:
            if answer.question.section != section:
                section = answer.question.section
                lines += ["", f"**{section}**", ""]
            text = answer.text if answer.source != "open" else "**open**"
            lines.append(f"- *{answer.question.text}* {text} ({answer.source})")
        return "\n".join(lines).replace(" (open)", "").strip()


def datasheet(name: str) -> Datasheet:
    """Ask the data, the registry and what people wrote; the rest stays open."""
    entry = REGISTRY[name]
    computed = computed_facts(load(name), entry.sensitive, about_people(name))
    none = (
        "" if about_people(name) else "none"
    )  # of people it is never a matter of course
    registered = {
        "purpose": entry.description,
        "sensitive": ", ".join(entry.sensitive) or none,
        "source": entry.source,
        "licence": f"{family(entry).name}: {entry.licence}",
    }
    nobody = {} if about_people(name) else NOT_PEOPLE
    written = nobody | (MADE if entry.synthetic else {}) | ANSWERS.get(name, {})
    given = {"data": computed, "registry": registered}
    given["people"] = written | {"about": ABOUT[name]}
    answers = []
    for question in QUESTIONS:
        text = given[question.who].get(question.key, "")
        answers.append(Answer(question, text, question.who if text else "open"))
    return Datasheet(name, tuple(answers))


def computed_facts(
    bundle: Table | Images | Series | Texts,
    sensitive: tuple[str, ...] = (),
    people: bool = False,
) -> dict[str, str]:
    """What can be computed of any bundle: size, types, gaps, repeats, balance, groups, uniqueness, fingerprint.

    Of people whose sensitive columns nobody has named, the groups stay open.
    """
    frame, target = as_frame(bundle)
    kinds = frame.dtypes.astype(str).value_counts()
    gaps, repeats = int(frame.isna().sum().sum()), int(frame.duplicated().sum())
    columns = "1 column" if frame.shape[1] == 1 else f"{frame.shape[1]:,} columns"
    groups = "; ".join(_shares(frame[name]) for name in sensitive)
    facts = {
        "size": f"{len(frame):,} rows, {columns}",
        "types": ", ".join(f"{count:,} {kind}" for kind, count in kinds.items()),
        "missing": f"{gaps:,} cells",
        "duplicates": f"{repeats:,} rows equal an earlier one in every column",
        "balance": _balance(target),
        "groups": groups or ("" if people else "not about people"),
        "unique": "" if people or sensitive else "not about people",
        "hash": f"SHA-256 {content_hash(frame)[:16]}",
    }
    if isinstance(bundle, Images):
        height, width = bundle.images.shape[1:]
        facts["types"] = f"{bundle.images.dtype} images of {height} x {width} pixels"
    elif isinstance(bundle, Table) and (people or sensitive):
        facts["unique"] = _alone(bundle.X, sensitive)
    return facts


def _alone(features: pd.DataFrame, sensitive: tuple[str, ...]) -> str:
    alone = group_sizes(features, list(features)) == 1
    text = f"{alone.sum():,} rows ({alone.mean():.0%}) are alone with their features"
    if sensitive:
        few = group_sizes(features, list(sensitive)) == 1
        text += f", {few.sum():,} already with {', '.join(sensitive)}"
    return text


def as_frame(
    bundle: Table | Images | Series | Texts,
) -> tuple[pd.DataFrame, pd.Series]:
    """A bundle as one table (features and target; of an image its fingerprint) and its target."""
    if isinstance(bundle, Table):
        names = dict(enumerate(bundle.label_names))
        target = bundle.y.map(names) if names else bundle.y
        return bundle.X.assign(**{str(bundle.y.name): bundle.y}), target
    if isinstance(bundle, Images):
        prints = [sha256(image.tobytes()).hexdigest() for image in bundle.images]
        frame = pd.DataFrame({"image": prints, "label": bundle.labels})
        return frame, frame["label"]
    if isinstance(bundle, Texts):
        return bundle.frame, bundle.frame["library"]
    frame = bundle.values if bundle.values.ndim == 2 else bundle.values.to_frame()
    return frame.rename(columns=str).reset_index(), frame.iloc[:, 0]


def _balance(target: pd.Series) -> str:
    shares = target.value_counts(normalize=True)
    if len(shares) <= 4:
        return _shares(target)
    if target.dtype == object or (shares.max() < 0.5 and target.nunique() <= 100):
        return f"{len(shares)} values, of {shares.min():.1%} to {shares.max():.1%} each"
    low, middle, high = target.quantile([0.05, 0.5, 0.95])
    return (
        f"median {middle:.4g}; 90 % of the values lie between {low:.4g} and {high:.4g}"
    )


def _shares(values: pd.Series) -> str:
    counts = values.value_counts(normalize=True)
    if len(counts) > 6:
        return f"{values.name} from {values.min():.4g} to {values.max():.4g}"
    parts = ", ".join(f"{value} {share:.1%}" for value, share in counts.items())
    return f"{values.name}: {parts}" if values.name else parts
