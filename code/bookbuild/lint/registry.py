"""The one list of the lint's rules, in the order in which they are printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bookbuild.lint import (
    rules_cells,
    rules_claims,
    rules_figures,
    rules_house,
    rules_modules,
    rules_quantities,
    rules_references,
    rules_structure,
    rules_teaching,
    rules_text,
)
from bookbuild.lint.book import Book
from bookbuild.lint.faults import Fault

Rule = Callable[[Book], Iterator[Fault]]

RULES: list[Rule] = [
    rules_structure.page_syntax,
    rules_quantities.quantity,
    rules_figures.figure,
    rules_figures.figure_label_unique,
    rules_figures.alt_text,
    rules_figures.hidden_cell,
    rules_teaching.objectives,
    rules_teaching.objective_verb,
    rules_teaching.objective_section,
    rules_teaching.exercise,
    rules_teaching.exercise_count,
    rules_teaching.solution,
    rules_claims.no_claims,
    rules_claims.claim_name,
    rules_claims.claim_condition,
    rules_claims.claim_evidence,
    rules_cells.cell_syntax,
    rules_cells.cell_names,
    rules_cells.missing_name,
    rules_cells.missing_object,
    rules_cells.long_cell,
    rules_cells.network,
    rules_cells.allowed_error,
    rules_cells.unseeded,
    rules_references.citation,
    rules_references.bibliography_entry,
    rules_references.term,
    rules_references.glue,
    rules_structure.headings,
    rules_structure.title_label,
    rules_structure.opening,
    rules_structure.sections,
    rules_structure.length,
    rules_structure.closing_sections,
    rules_house.top_level,
    rules_house.contents,
    rules_house.packages,
    rules_house.rooms,
    rules_text.unfinished,
    rules_text.filler,
    rules_text.dashes,
    rules_text.absolute_path,
    rules_text.registry_address,
    rules_text.unfilled,
    rules_modules.module_syntax,
    rules_modules.module_size,
    rules_modules.prints,
    rules_modules.swallowed,
    rules_modules.typed,
    rules_modules.docstrings,
    rules_modules.import_direction,
    rules_modules.foreign_chapter,
]


def name_of(rule: Rule) -> str:
    """Name under which a rule reports: ``alt_text`` -> ``alt-text``."""
    return rule.__name__.replace("_", "-")


def summary(rule: Rule) -> str:
    """What a rule finds, in a line."""
    return (rule.__doc__ or "").strip().splitlines()[0]
