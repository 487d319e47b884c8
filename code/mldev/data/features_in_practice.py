"""A small deep feature synthesis by hand: features of a row from the rows of other tables that belong to it.

Tables are linked by keys. A feature walks along the links: down to the many rows that name this one, which are
aggregated, and up to the one row that this one names, whose features are taken over. Walks may be stacked. A table
can say when each of its rows became known; then only what was known at a cut-off time is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

AGGREGATIONS = ("mean", "max", "last")


@dataclass(frozen=True)
class Relation:
    """Column `key` of table `child` names a row of table `parent`."""

    child: str
    key: str
    parent: str


@dataclass(frozen=True)
class Tables:
    """Frames whose index is their key, the relations between them, and the column that says when a row was known."""

    frames: Mapping[str, pd.DataFrame]
    relations: tuple[Relation, ...]
    known: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for link in self.relations:
            self._check("relations", link.child, link.key)
            self._check("relations", link.parent)
            if not self.frames[link.parent].index.is_unique:
                raise ValueError(
                    f"relations: the index of {link.parent!r} names rows, and must not repeat"
                )
        for table, column in self.known.items():
            self._check("known", table, column)

    def _check(self, argument: str, table: str, column: str | None = None) -> None:
        if table not in self.frames:
            there = ", ".join(self.frames)
            raise ValueError(f"{argument}: no table {table!r}; there are {there}")
        if column is not None and column not in self.frames[table]:
            raise ValueError(f"{argument}: table {table!r} has no column {column!r}")

    def label(self, link: Relation, table: str) -> str:
        """A table as features name it: with the key, where two tables have several links."""
        pair = (link.child, link.parent)
        alike = [
            other for other in self.relations if (other.child, other.parent) == pair
        ]
        return table if len(alike) == 1 else f"{table}[{link.key}]"

    def before(self, cutoff: float) -> "Tables":
        """What was known by then: no later row, and the others as they came."""
        frames = dict(self.frames)
        for table, column in self.known.items():
            rows = frames[table]
            rows = rows[rows[column] <= cutoff]
            frames[table] = rows.sort_values(column, kind="stable")
        return replace(self, frames=frames)


def deep_features(
    tables: Tables, table: str, depth: int, origin: Relation | None = None
) -> pd.DataFrame:
    """Per row of a table: its own numbers, and what steps between tables add.

    Parameters
    ----------
    tables
        All that may be used.
    table
        Whose rows get features.
    depth
        How many steps a walk may take; 0 leaves the table's own numbers.
    origin
        The link that a walk came down: it does not go straight back up.
    """
    if depth < 0:
        raise ValueError(f"depth {depth}: expected a number of at least 0")
    rows = tables.frames[table]
    own = rows.drop(columns=tables.known.get(table, []))
    parts = [own.select_dtypes(["number", "bool"]).astype(float)]
    for link in tables.relations if depth else ():
        if link.parent == table:  # down: many rows, aggregated
            below = deep_features(tables, link.child, depth - 1, origin=link)
            key = tables.frames[link.child][link.key]
            name = tables.label(link, link.child)
            parts.append(aggregate(below, key, name, rows.index))
        if link.child == table and link != origin:  # up: one row, taken over
            above = deep_features(tables, link.parent, depth - 1)
            taken = above.reindex(rows[link.key]).set_axis(rows.index)
            parts.append(taken.add_prefix(f"{tables.label(link, link.parent)}."))
    return pd.concat(parts, axis=1)


def aggregate(
    features: pd.DataFrame, key: pd.Series, name: str, index: pd.Index
) -> pd.DataFrame:
    """Per key: the number of rows; mean, maximum and last of each feature."""
    groups = features.groupby(key)
    count = groups.size().reindex(index, fill_value=0)  # no rows: 0, not a gap
    columns = {f"count({name})": count.astype(float)}
    for how in AGGREGATIONS:
        found = groups.agg(how).reindex(index)
        columns |= {f"{how}({name}.{column})": found[column] for column in found}
    return pd.DataFrame(columns)


def features_at(
    tables: Tables, table: str, keys: pd.Series, cutoffs: pd.Series, depth: int
) -> pd.DataFrame:
    """Features of the rows that `keys` names, as known at each one's cut-off."""
    found = []
    for cutoff, part in keys.groupby(cutoffs):
        features = deep_features(tables.before(cutoff), table, depth)
        found.append(features.reindex(part).set_axis(part.index))
    return pd.concat(found).reindex(keys.index)
