"""Numbers of rows as they come in addresses and forms. What no row can have is no number, and no page."""

from __future__ import annotations

from starlette.convertors import IntegerConvertor, register_url_convertor

DIGITS = 18
"""So many always fit into the database's 64 bits."""


class RowConvertor(IntegerConvertor):
    """The number of a row in the path of a route."""

    regex = f"[0-9]{{1,{DIGITS}}}"


register_url_convertor("row", RowConvertor())

ROW = "{id:row}"
"""The part of a path that is a row's number, and the path parameter `id`."""


def row_number(text: str) -> int | None:
    """The number that a field holds, where it is one that a row can have."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= DIGITS else None
