"""A Twilio account as a study uses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

TIMEOUT = 15.0
"""Seconds for one request, connecting included."""


@dataclass(frozen=True, slots=True)
class Account:
    """What is needed to send and to recognise Twilio.

    `secrets` are the auth tokens that sign its deliveries. `templates` gives the ContentSid of each approved text.
    """

    account_sid: str
    username: str
    password: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    sender: str | None = None
    messaging_service_sid: str | None = None
    api_base_url: str = "https://api.twilio.com"
    public_base_url: str = "http://127.0.0.1:8000"
    timeout: float = TIMEOUT
    reconcile_after: timedelta = timedelta(minutes=2)
    templates: Mapping[str, str] = field(default_factory=dict)

    @property
    def messaging_base_url(self) -> str:
        """Where messaging services are asked about: a host beside the API's own, or a path under another's."""
        scheme, _, host = self.api_base_url.partition("://")
        if host.startswith("api."):
            return f"{scheme}://messaging.{host.removeprefix('api.')}"
        return f"{self.api_base_url}/messaging"
