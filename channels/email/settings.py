"""The settings of email.

Microsoft 365: smtp.office365.com 587 starttls, outlook.office365.com 993 tls, username = the mailbox's address,
oauth_token_url = https://login.microsoftonline.com/TENANT/oauth2/v2.0/token, oauth_scope =
https://outlook.office365.com/.default, oauth_client_id and oauth_client_secret of an application that may
IMAP.AccessAsApp and SMTP.SendAsApp and has been given the mailbox. Plus addressing must not be switched off.

Gmail: smtp.gmail.com 465 tls, imap.gmail.com 993 tls; an app password, or oauth_token_url =
https://oauth2.googleapis.com/token with oauth_client_id, oauth_client_secret and an oauth_refresh_token for the scope
https://mail.google.com/ (oauth_scope stays empty).
"""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from bot.channel import BaseUrl, Channel, ChannelSettings, Filled, FilledSecret, Host, Site
from bot.errors import AddressError
from channels.email.account import Account, Security, Server, normalised
from channels.email.oauth import Grant, Tokens

LONGEST_LOCAL = 64 - len("+b-") - 26
"""RFC 5321, 4.5.3.1.1 leaves this much of our address before the @, beside the token of each message."""


def _own_address(written: str) -> str:
    try:
        address = normalised(written)
    except AddressError as why:
        raise ValueError(str(why)) from None
    if len(address.partition("@")[0]) > LONGEST_LOCAL:
        raise ValueError(f"must have at most {LONGEST_LOCAL} characters before the @, as a token is added to it")
    return address


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


Port = Annotated[int, Field(ge=1, le=65535)]


class EmailSettings(ChannelSettings):
    """`[channels.email]`. A mail is thought through before it is sent, so it counts as an answer at once."""

    settle: ClassVar[timedelta] = timedelta(0)

    address: Annotated[str, AfterValidator(_own_address)]
    smtp_host: Host
    smtp_port: Port = 587
    smtp_security: Literal["tls", "starttls", "none"] = "starttls"
    imap_host: Host
    imap_port: Port = 993
    imap_security: Literal["tls", "none"] = "tls"
    username: Filled
    password: FilledSecret | None = None
    oauth_token_url: BaseUrl | None = None
    oauth_client_id: Filled | None = None
    oauth_client_secret: FilledSecret | None = None
    oauth_refresh_token: FilledSecret | None = None
    oauth_scope: Filled | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for name, security, host in (
            ("smtp", self.smtp_security, self.smtp_host),
            ("imap", self.imap_security, self.imap_host),
        ):
            if security == "none" and not _is_loopback(host):
                raise ValueError(f'would show mail to others: {name}_security = "none" is only for this machine itself')
        oauth = self.oauth_token_url or self.oauth_client_id or self.oauth_client_secret or self.oauth_refresh_token
        if bool(self.password) == bool(oauth):
            raise ValueError("needs one way to log in: password, or the oauth_ keys")
        if oauth and not (self.oauth_token_url and self.oauth_client_id):
            raise ValueError("has one half of OAuth2: oauth_token_url and oauth_client_id are both needed")
        if oauth and not (self.oauth_client_secret or self.oauth_refresh_token):
            raise ValueError("needs oauth_client_secret, oauth_refresh_token, or both")
        if self.oauth_token_url and not self._is_private(self.oauth_token_url):
            raise ValueError("would show the secret to others: oauth_token_url must begin with https://")
        return self

    @staticmethod
    def _is_private(url: str) -> bool:
        scheme, _, rest = url.partition("://")
        host = rest.partition("/")[0].rpartition(":")[0] or rest.partition("/")[0]
        return scheme == "https" or _is_loopback(host.strip("[]"))

    def open(self, site: Site) -> Channel:
        from channels.email.channel import Email

        return Email(self.account(site))

    def account(self, site: Site) -> Account:
        """The mailbox as the channel uses it."""
        return Account(
            address=self.address,
            smtp=Server(self.smtp_host, self.smtp_port, Security(self.smtp_security)),
            imap=Server(self.imap_host, self.imap_port, Security(self.imap_security)),
            username=self.username,
            password=self.password.get_secret_value() if self.password else "",
            tokens=self._tokens(),
            study=site.study,
            public_base_url=site.public_base_url,
        )

    def _tokens(self) -> Tokens | None:
        if not self.oauth_token_url or not self.oauth_client_id:
            return None
        secret, refresh = self.oauth_client_secret, self.oauth_refresh_token
        grant = Grant(
            token_url=self.oauth_token_url,
            client_id=self.oauth_client_id,
            client_secret=secret.get_secret_value() if secret else "",
            refresh_token=refresh.get_secret_value() if refresh else "",
            scope=self.oauth_scope or "",
        )
        return Tokens(grant)
