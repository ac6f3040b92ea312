"""A mapping by name whose misses name the nearest entries."""

import difflib
from typing import Any


class Named(dict[str, Any]):
    """Dictionary of one kind of thing; a missing name raises a KeyError that lists the nearest ones."""

    def __init__(self, kind: str, entries: dict[str, Any]):
        super().__init__(entries)
        self.kind = kind

    def __missing__(self, name: str) -> Any:
        raise KeyError(unknown(self.kind, name, list(self)))

    def __reduce__(self) -> tuple[Any, ...]:
        return Named, (self.kind, dict(self))


def unknown(kind: str, name: object, known: list[str]) -> str:
    """Message for an unknown name: the nearest ones where there are any, all of them otherwise."""
    near = difflib.get_close_matches(str(name).lower(), known, n=3, cutoff=0.4)
    hint = f"did you mean {', '.join(map(repr, near))}?" if near else f"known: {', '.join(known)}"
    return f"no {kind} named {name!r}; {hint}"
