"""Signed JSON to an endpoint, as Standard Webhooks 1.0.0 has it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import httpx
import standardwebhooks

from monitor.channels.post import WITHIN, encoded, host, post
from monitor.connector import Secret
from monitor.model import Notification


class Webhook:
    """The channel for `webhook`. `secrets` are `whsec_...`: one, or two while one takes over from the other; the
    message is then signed with both. `now` is the clock: a timestamp is that of the attempt, not of the message."""

    def __init__(
        self,
        url: Secret,
        secrets: Sequence[Secret],
        client: httpx.AsyncClient,
        *,
        now: Callable[[], datetime],
        within: timedelta = WITHIN,
    ) -> None:
        """Raises ValueError where there is no secret, or one that is not base64."""
        if not secrets:
            raise ValueError("a webhook needs a secret: whsec_ and 24 to 64 random bytes in base64")
        self._url, self._client, self._now, self._within = url, client, now, within
        self._signers = [_signer(secret) for secret in secrets]

    def __repr__(self) -> str:
        return f"Webhook({host(self._url)})"

    async def send(self, notification: Notification) -> None:
        """See Channel.send. `webhook-id` is the notification's id; the bytes that are signed are the bytes sent."""
        body = encoded(notification.message.data)
        moment = self._now().astimezone(UTC)
        said = body.decode()
        headers = {
            "webhook-id": notification.id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": " ".join(signer.sign(notification.id, moment, said) for signer in self._signers),
        }
        await post(self._client, self._url, body, headers=headers, now=self._now, within=self._within)


def _signer(secret: Secret) -> standardwebhooks.Webhook:
    try:
        return standardwebhooks.Webhook(secret.reveal())
    except Exception:  # noqa: BLE001 (whatever it is, its text may hold the secret)
        raise ValueError("the webhook's secret is not whsec_ and base64; make a new one") from None
