"""Tables of people in CSV files: read, with line and column of whatever is wrong.

Beside `cli.imports`, which writes them to the store.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_authz.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table.

    Parameters
    ----------
    where
        File and line, for errors.
    cells
        By column; what the file does not have is empty.
    """

    where: str
    cells: Mapping[str, str]

    def checked(self, column: str, check: Callable[[str], T]) -> T:
        """Give what a check makes of a cell.

        Raises
        ------
        RefusedError
            It is refused; the message says where.
        """
        try:
            return check(self.cells[column])
        except RefusedError as error:
            raise self.wrong(column, error.reason, str(error)) from None

    def wrong(self, column: str, reason: str, message: str) -> RefusedError:
        """Give the error that something is wrong with a cell."""
        return RefusedError(reason, f"{self.where}, column {column!r}: {message}")


def read_table(file: str, needed: Sequence[str], others: Sequence[str] = ()) -> list[Row]:
    """Read a CSV file in UTF-8, whose first line names its columns in any order.

    Parameters
    ----------
    file
        Its path.
    needed, others
        Columns that must, and that may be there.

    Raises
    ------
    RefusedError
        It cannot be read, or has other columns.
    """
    try:
        # What spreadsheets write begins with a mark of its own.
        with Path(file).open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.reader(opened, strict=True)
            try:
                return list(_rows(reader, file, needed, others))
            except csv.Error as error:
                raise RefusedError("bad-file", f"{file}, line {reader.line_num}: {error}") from None
    except UnicodeDecodeError as error:
        raise RefusedError("bad-file", f"{file}: expected text in UTF-8: {error}") from None
    except OSError as error:
        raise RefusedError("bad-file", f"{file}: cannot be read: {error.strerror}") from None


def _rows(reader: Any, file: str, needed: Sequence[str], others: Sequence[str]) -> Iterator[Row]:
    head = _head(next(reader, []), f"{file}, line 1", needed, others)
    nothing = dict.fromkeys(others, "")
    for cells in reader:
        if not cells:
            continue
        where = f"{file}, line {reader.line_num}"
        if len(cells) != len(head):
            raise RefusedError(
                "bad-file", f"{where}: expected {len(head)} columns, got {len(cells)}"
            )
        yield Row(where, {**nothing, **dict(zip(head, cells, strict=True))})


def _head(
    cells: Sequence[str], where: str, needed: Sequence[str], others: Sequence[str]
) -> Sequence[str]:
    head = [cell.strip() for cell in cells]
    known = [*needed, *others]
    expected = f"expected {', '.join(map(repr, known))}"
    for name in head:
        if name not in known or head.count(name) > 1:
            close = get_close_matches(name, known, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close and name not in known else ""
            what = "the column {!r} twice" if name in known else "unknown column {!r}"
            raise RefusedError("bad-file", f"{where}: {what.format(name)}, {expected}{hint}")
    for name in needed:
        if name not in head:
            raise RefusedError("bad-file", f"{where}: no column {name!r}, {expected}")
    return head


def watched(items: Sequence[T], what: str) -> Iterator[T]:
    """Give some items, and show on a terminal how far one is."""
    if not sys.stderr.isatty():
        yield from items
        return
    step = max(1, len(items) // 100)
    try:
        for number, item in enumerate(items):
            if number % step == 0:
                sys.stderr.write(f"\r{what}: {100 * number // len(items):3} %")
                sys.stderr.flush()
            yield item
    finally:
        sys.stderr.write("\r\x1b[K")
