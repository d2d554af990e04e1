"""Who may handle messages on each channel: for the ethics pack and the data protection impact assessment.

The program knows which channels are on and which hosts the settings name. Everything else here is what the companies'
public pages said in 2026: a place to start, which the study team confirms or mends, and never a statement of law.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

HEAD = ("Channel", "Who carries it", "Where", "What they handle", "For the study team to confirm")

BEFORE = (
    "This list is a draft for the study team. It names the channels that are turned on, and who is likely to handle "
    "what is sent on them. It does not say who is a processor, controller or sub-processor in law, and not that any "
    "transfer is allowed. Confirm or correct every line with your contracts and your data protection lead."
)

ASK_CARRIER = "The contract and its processing terms; the list of sub-processors; the region; how long copies are kept"
ASK_APP = "Whether the app may be used at all; its terms for businesses or bots; where it keeps messages, and how long"
ASK_HOST = "Who runs the server; the contract; the country; backups, and how long they are kept"

CARRIERS = {
    "twilio": (
        "Probably Twilio (Twilio Ireland Limited, Twilio Inc. and those they name), and the phone networks",
        "To be confirmed: probably the United States and Ireland, by the region in your contract",
    ),
}
BEYOND = {
    "whatsapp": (
        "Probably WhatsApp and Meta (WhatsApp LLC, Meta Platforms Ireland Limited)",
        "To be confirmed: probably the United States and Ireland",
    ),
    "telegram": (
        "Probably Telegram (Telegram Messenger Inc. and its group)",
        "To be confirmed: the company is in the United Arab Emirates, with data centres in several countries",
    ),
}
"""Who else may handle what goes over these apps, whoever hands it to them."""

HANDLED = "The address or number, the words, what comes with them, the times, and whether it arrived"
UNKNOWN = "To be filled in by the study team"


def processors(channels: BaseModel) -> Iterator[tuple[str, str, str, str, str]]:
    """A row for each company and channel that the settings turn on; a simulated phone has none."""
    for kind in type(channels).model_fields:
        settings = getattr(channels, kind)
        if settings is None or kind == "simulator":
            continue
        provider = getattr(settings, "provider", "")
        if provider in CARRIERS:
            yield kind, *CARRIERS[provider], HANDLED, ASK_CARRIER
        if kind in BEYOND:
            yield kind, *BEYOND[kind], HANDLED, ASK_APP
        hosts = [getattr(settings, name, "") for name in ("smtp_host", "imap_host")]
        for host in dict.fromkeys(filter(None, hosts)):
            yield kind, f"Who runs the mail server {host}", UNKNOWN, HANDLED, ASK_HOST
        if provider not in CARRIERS and kind not in BEYOND and not any(hosts):
            yield kind, provider or kind, UNKNOWN, HANDLED, ASK_HOST
