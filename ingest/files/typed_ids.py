"""How an id from a column of numbers is written as text: whole, and refusable where digits were lost."""

from __future__ import annotations

from contracts.identifiers import INEXACT_FROM


def lost_digits(number: str) -> str:
    """SQL: a number as a spreadsheet cuts it (1.23457E+19), the form of an id that is refused."""
    return f"printf('%.5E', {number})"


def id_text(number: str, whole: str, otherwise: str) -> str:
    """SQL: the id of a floating-point ``number``: ``whole`` if it has no fraction, else ``otherwise``.

    A float of 2**53 or more does not hold every whole number, so its digits may be those of another id.
    """
    return (
        f"CASE WHEN NOT isfinite({number}) THEN NULL "
        f"WHEN abs({number}) >= {INEXACT_FROM} THEN {lost_digits(number)} "
        f"WHEN {number} = trunc({number}) THEN {whole} ELSE {otherwise} END"
    )
