"""JSON that was right, with one value in it that is not."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from monitor.model import Mention

GONE = object()
ODD = st.one_of(
    st.just(GONE), st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just([]), st.just({}),
    st.just("\ud83d\0"), st.just([[]]), st.just([None]), st.just({"uri": 1}), st.just("0000-01-01T00:00:00Z"),
)  # fmt: skip


def places(item: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every path that leads to a value in `item`."""
    for key, value in item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ():
        yield (*path, key)
        yield from places(value, (*path, key))


def spoilt(item: Any) -> st.SearchStrategy[Any]:
    """`item` with one of its values gone or replaced by something odd."""
    return st.builds(lambda path, odd: _put(deepcopy(item), path, odd), st.sampled_from(list(places(item))), ODD)


def _put(item: Any, path: tuple[Any, ...], odd: Any) -> Any:
    place = item
    for key in path[:-1]:
        place = place[key]
    if odd is GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = odd
    return item


def is_sound(mention: Mention) -> bool:
    """Whether every value of a mention is of its type and can be stored."""
    texts = (mention.external_id, mention.text, mention.title)
    may_be = (mention.url, mention.author, mention.lang, mention.parent_id)
    numbers = (mention.engagement, mention.audience)
    return (
        all(isinstance(one, str) for one in texts)
        and all(one is None or isinstance(one, str) for one in may_be)
        and all(one is None or type(one) is int for one in numbers)
        and not any(
            "\0" in one or one.encode("utf-8", "ignore").decode() != one for one in (*texts, *filter(None, may_be))
        )
        and type(mention.ours) is bool
    )
