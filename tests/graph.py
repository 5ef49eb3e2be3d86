"""Meta's Graph API as its tests need it: listings that page as it does, its errors, its headers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx

from monitor.connector import AuthRejected, Malformed, NotPermitted, Throttled, Unavailable
from monitor.testing import Refusal

TOKEN = "EAAB-not-to-be-seen"


def stamp(at: datetime) -> str:
    """A time as Meta writes it: no colon in the offset."""
    return at.strftime("%Y-%m-%dT%H:%M:%S+0000")


def listing(said: Sequence[Any], size: int = 3, *, cursors: bool = False) -> Any:
    """Pages of what was `said` that are linked with the token in the link, as Meta does, or by cursors only."""

    def answer(request: httpx.Request) -> dict[str, Any]:
        items = [item for item in said if _is_since(item, int(request.url.params.get("since", "0")))]
        begin = int(request.url.params.get("after", "0"))
        end = begin + min(size, int(request.url.params.get("limit", size)))
        paging: dict[str, Any] = {"cursors": {"before": str(begin), "after": str(end)}}
        if end < len(items) and not cursors:
            following = request.url.copy_remove_param("appsecret_proof").copy_set_param("after", end)
            paging["next"] = str(following.copy_set_param("access_token", TOKEN))
        return {"data": list(items[begin:end]), "paging": paging}

    return answer


def _is_since(item: Any, since: int) -> bool:
    at = item.get("created_time") or item.get("timestamp") if isinstance(item, dict) else None
    return not isinstance(at, str) or datetime.fromisoformat(at).timestamp() >= since


def refusal(
    code: int, subcode: int | None = None, *, status: int = 400, headers: Mapping[str, str] | None = None, **more: Any
) -> httpx.Response:
    """An error as Meta sends it; its message is in the words of the account's language."""
    said = {"message": "these-words-stand-in-the-body", "type": "OAuthException", "code": code, "fbtrace_id": "Ab1"}
    if subcode is not None:
        said["error_subcode"] = subcode
    return httpx.Response(status, headers=headers, json={"error": said | more})


def spent(percent: int, minutes: int = 0, kind: str = "pages") -> dict[str, str]:
    """The header that says how much of the limit is used."""
    figures = {"call_count": percent, "total_cputime": 3, "total_time": 2, "type": kind}
    return {"x-business-use-case-usage": json.dumps({"600": [figures | {"estimated_time_to_regain_access": minutes}]})}


def meant(code: int, raises: Any, subcode: int | None = None, **how: Any) -> Refusal:
    """A refusal by its code."""
    wait = how.pop("wait", None)
    name = f"error {code}/{subcode}" if subcode else f"error {code}"
    return Refusal(name=name, answer=refusal(code, subcode, **how), raises=raises, wait=wait)


REFUSALS = {
    one.name: one
    for one in (
        meant(190, AuthRejected, 463, status=401),
        meant(190, AuthRejected, 460),
        meant(102, AuthRejected),
        meant(10, NotPermitted, status=403),
        meant(200, NotPermitted, status=403),
        meant(3, NotPermitted),
        meant(368, NotPermitted),
        meant(100, NotPermitted),
        meant(4, Throttled),
        meant(2, Unavailable, status=500, is_transient=True),
        meant(1, Unavailable),
        Refusal(name="200 with an error", answer=refusal(190, 467, status=200), raises=AuthRejected),
        Refusal(name="200 with another error", answer=refusal(9999, status=200), raises=Malformed),
        Refusal(name="404 without words", answer=httpx.Response(404), raises=(Malformed, NotPermitted)),
    )
}
"""What every platform of Meta's refuses with."""
