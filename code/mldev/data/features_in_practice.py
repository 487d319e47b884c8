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
        for relation in self.relations:
            for table in (relation.child, relation.parent):
                if table not in self.frames:
                    raise ValueError(
                        f"relations: no table {table!r}; there are {', '.join(self.frames)}"
                    )
            if relation.key not in self.frames[relation.child]:
                raise ValueError(
                    f"relations: table {relation.child!r} has no column {relation.key!r}"
                )

    def before(self, cutoff: float) -> "Tables":
        """What was known by then: no later row, and the others as they came."""
        frames = dict(self.frames)
        for table, column in self.known.items():
            rows = frames[table]
            rows = rows[rows[column] <= cutoff]
            frames[table] = rows.sort_values(column, kind="stable")
        return replace(self, frames=frames)


def deep_features(
    tables: Tables, table: str, depth: int, origin: str | None = None
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
        The table that a walk down came from: it does not go straight back up.
    """
    if depth < 0:
        raise ValueError(f"depth {depth}: expected a number of at least 0")
    rows = tables.frames[table]
    own = rows.drop(columns=tables.known.get(table, []))
    parts = [own.select_dtypes(["number", "bool"]).astype(float)]
    for link in tables.relations if depth else ():
        if link.parent == table:  # down: many rows, aggregated
            below = deep_features(tables, link.child, depth - 1, origin=table)
            key = tables.frames[link.child][link.key]
            parts.append(aggregate(below, key, link.child).reindex(rows.index))
        if link.child == table and link.parent != origin:  # up: one row, taken over
            above = deep_features(tables, link.parent, depth - 1)
            taken = above.reindex(rows[link.key]).set_axis(rows.index)
            parts.append(taken.add_prefix(f"{link.parent}."))
    return pd.concat(parts, axis=1)


def aggregate(features: pd.DataFrame, key: pd.Series, name: str) -> pd.DataFrame:
    """Per key: the number of rows; mean, maximum and last of each feature."""
    groups = features.groupby(key)
    columns = {f"count({name})": groups.size().astype(float)}
    for how in AGGREGATIONS:
        found = groups.agg(how)
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
