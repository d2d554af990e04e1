"""Who carries messages on each channel: for the ethics pack and the data protection impact assessment.

Facts about companies are those of their public terms in 2026; the team checks them against its own contract.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

HEAD = ("Channel", "Who carries it", "Where", "What they handle")

CARRIERS = {
    "twilio": (
        "Twilio Ireland Limited with Twilio Inc. and its sub-processors, and the phone networks",
        "United States and Ireland; check the region in your contract",
    ),
}
BEYOND = {
    "whatsapp": ("WhatsApp LLC and Meta Platforms Ireland Limited", "United States and Ireland"),
    "telegram": (
        "Telegram Messenger Inc. and its group",
        "United Arab Emirates, and data centres in several countries",
    ),
}
"""Who else handles what goes over these apps, whoever hands it to them."""

HANDLED = "The address or number, the words, the times, and whether it arrived"


def processors(channels: BaseModel) -> Iterator[tuple[str, str, str, str]]:
    """A row for each company and channel that the settings turn on; a simulated phone has none."""
    for kind in type(channels).model_fields:
        settings = getattr(channels, kind)
        if settings is None or kind == "simulator":
            continue
        provider = getattr(settings, "provider", "")
        if provider in CARRIERS:
            who, where = CARRIERS[provider]
            yield kind, who, where, HANDLED
        if kind in BEYOND:
            who, where = BEYOND[kind]
            yield kind, who, where, HANDLED
        hosts = [getattr(settings, name, "") for name in ("smtp_host", "imap_host")]
        for host in dict.fromkeys(filter(None, hosts)):
            yield kind, f"Who runs the mail server {host}", "To be filled in by the study team", HANDLED
        if provider not in CARRIERS and kind not in BEYOND and not any(hosts):
            yield kind, provider or kind, "To be filled in by the study team", HANDLED
