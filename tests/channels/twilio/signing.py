"""Signing as Twilio signs, for deliveries that tests make up."""

from __future__ import annotations

import base64
import hmac
from urllib.parse import parse_qsl

from bot.channel import WebhookRequest

SECRET = "the auth token"


def signature(url: str, body: bytes, secret: str = SECRET, algorithm: str = "HMAC_SHA1") -> str:
    """The URL, then each field's name and value in order of name, under HMAC (Twilio docs, webhooks-security)."""
    pairs = sorted(set(parse_qsl(body.decode(), keep_blank_values=True)))
    text = url + "".join(name + value for name, value in pairs)
    digest = algorithm.removeprefix("HMAC_").lower()
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), digest)).decode()


def signed(
    request: WebhookRequest, base_url: str, secret: str = SECRET, algorithm: str = "HMAC_SHA1"
) -> WebhookRequest:
    """The same request with Twilio's headers."""
    value = signature(base_url + request.target, request.body, secret, algorithm)
    headers = {"x-twilio-signature": value, "content-type": "application/x-www-form-urlencoded"}
    if algorithm != "HMAC_SHA1":
        headers["x-twilio-webhooks-signature-settings"] = f"key=webhooks_sharedkey_1,algorithm={algorithm}"
    return WebhookRequest(request.target, headers, request.body)
