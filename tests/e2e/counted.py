"""What tables must show, worked out from rows in plain Python."""

import csv
import io
from collections import Counter


def tables_of(document):
    return {table["name"]: table for table in document["tables"]}


def by_index(table):
    """Values by the values of the index, in the order of its fields."""
    return {tuple(row["index"].values()): row["value"] for row in table["rows"]}


def only(table):
    """The value of a table without an index."""
    assert len(table["rows"]) == 1 and table["rows"][0]["index"] == {}, table["rows"]
    return table["rows"][0]["value"]


def counts(rows, *fields, when=lambda row: True):
    """How many rows have these values; rows that lack one are none of them."""
    return dict(Counter(tuple(row[field] for field in fields) for row in rows
                        if when(row) and all(row[field] != "" for field in fields)))


def near_quantiles(found, values, bound):
    """Whether each is within `bound` (relative) of the value of its rank, the ends exact."""
    values = sorted(values)
    assert found[0] == values[0] and found[-1] == values[-1] and found == sorted(found)
    for i, value in enumerate(found):
        rank = i / (len(found) - 1) * (len(values) - 1)
        low, high = values[int(rank)], values[min(int(rank) + 1, len(values) - 1)]
        slack = bound * max(abs(low), abs(high))
        assert low - slack <= value <= high + slack, (i, value, low, high)


def csv_rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def same_as_csv(table, rows):
    """The rows of one table in CSV are what its JSON says."""
    mine = [row for row in rows if row["table"] == table["name"]]
    expected = []
    for row in table["rows"]:
        elements = row["value"] if isinstance(row["value"], list) else [row["value"]]
        for position, element in enumerate(elements, 1):
            known = {field: value for field, value in row["index"].items()}
            if isinstance(row["value"], list):
                known["position"] = position
            if isinstance(element, dict):
                known |= {"count": element["count"], "error": element["error"]}
                element = element["value"]
            for number, value in enumerate(element if isinstance(element, list) else [element], 1):
                known["value" if number == 1 else f"value{number}"] = value
            expected.append(known)
    assert len(mine) == len(expected)
    for row, known in zip(mine, expected):
        for field, text in row.items():
            value = known.pop(field, "") if field != "table" else table["name"]
            if isinstance(value, bool) or isinstance(value, str):
                assert text == (str(value).lower() if isinstance(value, bool) else value), field
            else:
                assert float(text) == value, field
        assert known == {}
