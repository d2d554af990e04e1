"""Pictures and voice notes: fetched from Twilio with our password, which goes to Twilio and nobody else.

Twilio answers with a redirect to a storage host, for a few hours (docs/messaging/api/media-resource). An address in a
delivery is never followed into our own network.
"""

from __future__ import annotations

import socket
from ipaddress import IPv6Address, ip_address

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    encode_basic_auth,
)
from aiohttp.abc import ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from bot.errors import Refused, Unavailable
from channels.twilio.account import Account

HOPS = 4
"""Requests for one picture: Twilio, and where it sends us."""

WHOLE = 4
"""How many times the time for one request a whole picture may take."""

_CHUNK = 64 * 1024
_MOVED = (301, 302, 303, 307, 308)
_GONE = (404, 410)


async def fetch(account: Account, reference: str, most: int) -> bytes:
    """What is behind a MediaUrl. Raises Unavailable, or Refused when it is gone, too large or not to be fetched."""
    headers = {"accept-encoding": "identity"}
    try:
        url = URL(reference)
        async with _session(account) as session:
            for hop in range(HOPS):
                known = _credentials(account, url) if hop == 0 else {}
                _check(account, url)
                async with session.get(url, headers=headers | known, allow_redirects=False) as answer:
                    if answer.status not in _MOVED:
                        return await _content(answer, most)
                    url = url.join(URL(answer.headers.get("location", ""), encoded=True))
    except (ClientError, OSError, TimeoutError) as error:
        raise Unavailable(f"Media at Twilio could not be fetched ({type(error).__name__}).") from None
    except ValueError:
        raise Refused("Media has an address that makes no sense.") from None
    raise Unavailable("Twilio sends us round in circles for media.")


async def forget(account: Account, reference: str) -> None:
    """Delete Twilio's copy; one that is gone already is fine, and elsewhere there is none. Raises Unavailable."""
    try:
        url = URL(reference)
        known = _credentials(account, url)
        if not known:
            return
        async with (
            _session(account) as session,
            session.delete(url.with_path(f"{url.path}.json"), headers=known, allow_redirects=False) as answer,
        ):
            status = answer.status
    except (ClientError, OSError, TimeoutError) as error:
        raise Unavailable(f"Media at Twilio could not be deleted ({type(error).__name__}).") from None
    except ValueError:
        return
    if status != 204 and status not in _GONE:
        raise Unavailable(f"Twilio answered {status} to the wish to delete media.")


async def _content(answer: ClientResponse, most: int) -> bytes:
    if answer.status in _GONE:
        raise Refused("The media is gone from Twilio.")
    if answer.status != 200:
        raise Unavailable(f"Twilio answered {answer.status} for media.")
    gathered = bytearray()
    if (answer.content_length or 0) <= most:
        async for part in answer.content.iter_chunked(_CHUNK):
            gathered += part
            if len(gathered) > most:
                break
        else:
            return bytes(gathered)
    answer.close()
    raise Refused(f"The media is larger than {most} bytes.")


def _session(account: Account) -> ClientSession:
    each = account.timeout
    return ClientSession(
        connector=TCPConnector(resolver=_OutsideOnly(URL(account.api_base_url).host), use_dns_cache=False),
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=each * WHOLE, sock_connect=each, sock_read=each),
        auto_decompress=False,
    )


# Who gets our password, and where we go at all


def _credentials(account: Account, url: URL) -> dict[str, str]:
    """The header with our password, for Twilio; nothing for anybody else."""
    host = url.host or ""
    twilios = url.scheme == "https" and url.port == 443 and (host == "twilio.com" or host.endswith(".twilio.com"))
    if not twilios and url.origin() != URL(account.api_base_url).origin():
        return {}
    return {"authorization": encode_basic_auth(account.username, account.password)}


def _check(account: Account, url: URL) -> None:
    """Raise Refused unless this is https to the outside, or the host that the settings name as Twilio's."""
    base = URL(account.api_base_url)
    ours = url.host == base.host and base.scheme == "http"
    if not url.host or not (ours or url.scheme == "https"):
        raise Refused("Media has an address that is not https.")
    if url.host != base.host and _is_address(url.host) and not _is_outside(url.host):
        raise Refused("Media has an address inside our own network.")


class _OutsideOnly(ThreadedResolver):
    """Names lead to public addresses only, whoever answers for them; the settings' own host is trusted."""

    def __init__(self, trusted: str | None) -> None:
        super().__init__()
        self.trusted = trusted

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await super().resolve(host, port, family)
        outside = [one for one in found if host == self.trusted or _is_outside(one["host"])]
        if not outside:
            raise Refused("Media has an address inside our own network.")
        return outside


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_outside(host: str) -> bool:
    address = ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_global
