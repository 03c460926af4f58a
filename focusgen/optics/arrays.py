"""Formulas of operators only, which numpy and torch arrays both pass."""

from __future__ import annotations

from typing import TypeVar

Values = TypeVar("Values")
"""A numpy or torch array; what comes back is of the same kind."""
