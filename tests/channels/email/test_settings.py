"""`[channels.email]`, and what counts as an address."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from bot.channel import Site
from bot.errors import AddressError
from channels import CHANNELS
from channels.email.account import Security
from channels.email.channel import Email
from channels.email.settings import EmailSettings

SITE = Site("Voices Study", "https://study.example")
GOOD = {
    "address": "Voices@Study.Example",
    "smtp_host": "smtp.example.org",
    "imap_host": "imap.example.org",
    "username": "voices",
    "password": "hunter2",
}
OAUTH = {
    "password": None,
    "oauth_token_url": "https://login.example/token",
    "oauth_client_id": "id",
    "oauth_client_secret": "hunter2",
}


def settings(**changes: object) -> EmailSettings:
    return EmailSettings.model_validate({key: value for key, value in {**GOOD, **changes}.items() if value is not None})


def test_the_fewest_keys_give_starttls_and_tls() -> None:
    account = settings().account(SITE)
    assert account.address == "voices@study.example"
    assert (account.smtp.port, account.smtp.security) == (587, Security.STARTTLS)
    assert (account.imap.port, account.imap.security) == (993, Security.TLS)
    assert (account.study, account.public_base_url) == ("Voices Study", "https://study.example")
    assert "hunter2" not in repr(account) + repr(settings())


def test_the_table_of_channels_opens_email() -> None:
    assert CHANNELS["email"] is EmailSettings
    assert isinstance(settings().open(SITE), Email)


def test_oauth2_takes_the_place_of_a_password() -> None:
    account = settings(**OAUTH, oauth_scope="all", oauth_refresh_token="hunter2 too").account(SITE)
    assert account.tokens is not None
    assert account.tokens.grant.form("now")["scope"] == "all"
    assert "hunter2" not in repr(account) + repr(account.tokens.grant)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"smtp_security": "none"}, "only for this machine"),
        ({"imap_security": "none", "imap_host": "10.0.0.1"}, "only for this machine"),
        ({"imap_security": "starttls"}, "tls"),
        ({"password": None}, "one way to log in"),
        ({**OAUTH, "password": "hunter2"}, "one way to log in"),
        ({**OAUTH, "oauth_client_id": None}, "both needed"),
        ({**OAUTH, "oauth_client_secret": None}, "oauth_client_secret"),
        ({**OAUTH, "oauth_token_url": "http://login.example/token"}, "https://"),
        ({"address": "voices"}, "not an email address"),
        ({"address": f"{'v' * 40}@study.example"}, "at most 35"),
        ({"smtp_port": 0}, "smtp_port"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_a_mistake_is_named(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as caught:
        settings(**changes)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_this_machine_itself_needs_no_encryption(host: str) -> None:
    plain = {"smtp_security": "none", "imap_security": "none", "smtp_host": host, "imap_host": host}
    assert settings(**plain).account(SITE).smtp.context() is None


ADDRESSES = [
    ("anna@example.org", "anna@example.org"),
    ("  Anna.Smith+study@Example.ORG ", "anna.smith+study@example.org"),
    ("o'neill@example.co.uk", "o'neill@example.co.uk"),
    ("anna@bücher.example", "anna@xn--bcher-kva.example"),
]


@pytest.mark.parametrize(("written", "known"), ADDRESSES)
def test_an_address_has_one_form(written: str, known: str) -> None:
    address = settings().open(SITE).address(written)
    assert (address.kind, address.value) == ("email", known)


WRONG = ["", "anna", "anna@", "@example.org", "a@b@c.org", "anna @example.org", "anna@example", "Anna <a@example.org>"]
WRONG += ["anna@example.org\r\nBcc: x@y.org", "a..b@example.org", ".a@example.org", "änna@example.org", "a@-b.org"]
WRONG += ["a" * 65 + "@example.org", "a@" + "b" * 64 + ".org", "a,b@example.org", "a@example.org,b@example.org", "a@.."]


@pytest.mark.parametrize("written", WRONG)
def test_what_is_no_address_is_told_how_to_look(written: str) -> None:
    with pytest.raises(AddressError, match=r"anna@example\.org"):
        settings().open(SITE).address(written)
