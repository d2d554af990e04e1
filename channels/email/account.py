"""What is needed to send from one mailbox and to read it."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from enum import StrEnum

from bot.errors import AddressError
from channels.email.oauth import Tokens

_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def normalised(written: str) -> str:
    """An address as RFC 5321 has it, in lower case; a domain with other letters becomes the one that DNS knows.

    Raises AddressError.
    """
    local, at, domain = written.strip().lower().partition("@")
    if not domain.isascii():
        domain = _for_dns(domain)
    if not at or len(local) > 64 or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        raise AddressError("is not an email address; write it like anna@example.org")
    return f"{local}@{domain}"


def _for_dns(domain: str) -> str:
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


class Security(StrEnum):
    """How a connection is encrypted: from its first byte, by STARTTLS, or not at all."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Server:
    """One mail server's door. A certificate of your own is trusted by the environment variable SSL_CERT_FILE."""

    host: str
    port: int
    security: Security

    def context(self) -> ssl.SSLContext | None:
        """What TLS needs, or None where there is none."""
        return None if self.security is Security.NONE else ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class Account:
    """A mailbox: it is opened by `password`, or by `tokens` where the provider wants OAuth2.

    `study` is the name in front of the address. All times are in seconds: `timeout` for one answer of a server,
    `last_timeout` for the one after the whole mail (RFC 5321, 4.5.3.2.6 asks for ten minutes), and `renewal` for how
    long an IDLE lasts, because some routers forget a silent connection long before RFC 2177's 29 minutes.
    """

    address: str
    smtp: Server
    imap: Server
    username: str
    password: str = field(default="", repr=False)
    tokens: Tokens | None = field(default=None, repr=False)
    study: str = "Own Pace"
    public_base_url: str = "http://127.0.0.1:8000"
    timeout: float = 30.0
    last_timeout: float = 600.0
    renewal: float = 300.0

    @property
    def domain(self) -> str:
        """What stands behind the @ of our address."""
        return self.address.rpartition("@")[2]
