"""Whether a delivery is Twilio's (https://www.twilio.com/docs/usage/webhooks/webhooks-security)."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import parse_qsl

from multidict import MultiDict, MultiDictProxy
from twilio.request_validator import HMAC_SHA1, HMAC_SHA256, RequestValidator, get_signature_algorithm

from bot.channel import WebhookRequest
from bot.errors import Forged

HASHES = {HMAC_SHA1: "sha1", HMAC_SHA256: "sha256"}
SIGNATURE = "x-twilio-signature"
SETTINGS = "x-twilio-webhooks-signature-settings"


@lru_cache(8)  # each delivery is read twice, to be verified and to be understood
def fields(body: bytes) -> MultiDictProxy[str]:
    """The posted fields, blank ones and repeated ones too: the signature covers every one, untrimmed."""
    pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="utf-8", errors="replace")
    return MultiDictProxy(MultiDict(pairs))


def verify(request: WebhookRequest, public_base_url: str, secrets: Sequence[str]) -> None:
    """Raise Forged unless one of our secrets signed the request for our public address.

    The address is the configured one with the raw path and query: behind a proxy, Host and scheme are not Twilio's.
    """
    signature = request.headers.get(SIGNATURE)
    if not signature:
        raise Forged("The request carries no Twilio signature.")
    url = public_base_url + request.target
    posted = fields(request.body)
    algorithm = get_signature_algorithm(request.headers.get(SETTINGS))
    if not any(_signed(secret, url, posted, signature, algorithm) for secret in secrets):
        raise Forged("The signature is not Twilio's. Check auth_token and server.public_base_url.")


def _signed(secret: str, url: str, posted: MultiDictProxy[str], signature: str, algorithm: str) -> bool:
    """The address as it is configured first; Twilio's own way also tries it with and without the port, and is slow."""
    if algorithm in HASHES and hmac.compare_digest(_expected(secret, url, posted, algorithm), signature.encode()):
        return True
    return bool(RequestValidator(secret).validate(url, posted, signature, algorithm))


def _expected(secret: str, url: str, posted: MultiDictProxy[str], algorithm: str) -> bytes:
    """The address, then each name with each of its values, in order of the alphabet, keyed with the secret."""
    said = "".join([name + value for name, value in sorted({*posted.items()})])
    return b64encode(hmac.digest(secret.encode(), (url + said).encode(), HASHES[algorithm]))
