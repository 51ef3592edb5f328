"""Errors that the page shows as a sentence."""

from collections.abc import Mapping
from typing import Any


class RefusedError(Exception):
    """A request that is not done.

    Args:
        status: HTTP status.
        sentence: Value, rule and way out, for the person at the page.
        more: Further fields of the answer.
    """

    def __init__(self, status: int, sentence: str, more: Mapping[str, Any] | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.more = status, sentence, dict(more or {})
