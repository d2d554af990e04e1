"""Real mail servers in a folder of their own: Postfix takes mail, Dovecot keeps it, both on 127.0.0.1 only.

Mail for `study.test` and `people.test` is delivered, plus addresses included. Mail for anybody at `bounce.test` is
taken and bounces (5.1.1); for `later.test` it is taken and cannot be delivered yet. Nothing leaves this machine.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import make_msgid
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.rig import free_port, unavailable

PASSWORD = "a password"
PROGRAMS = ("postfix", "dovecot", "doveadm", "sievec", "swaks", "notmuch")
PACKAGES = "dovecot-imapd dovecot-lmtpd dovecot-sieve postfix swaks notmuch"
OWNER = "nobody"

MAIN_CF = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
myhostname = mail.study.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
default_transport = error:nothing leaves this machine
recipient_delimiter = +
virtual_mailbox_domains = study.test people.test
virtual_mailbox_maps = texthash:{folder}/postfix/people
virtual_transport = lmtp:unix:{folder}/lmtp
relay_domains = bounce.test later.test
transport_maps = texthash:{folder}/postfix/transports
relay_recipient_maps =
smtpd_sasl_type = dovecot
smtpd_sasl_path = {folder}/auth
smtpd_tls_cert_file = {folder}/cert.pem
smtpd_tls_key_file = {folder}/key.pem
smtpd_relay_restrictions = permit_sasl_authenticated, permit_mynetworks, reject_unauth_destination
smtputf8_enable = no
delay_warning_time = 1s
minimal_backoff_time = 1s
queue_run_delay = 2s
message_size_limit = 80000000
mailbox_size_limit = 0
virtual_mailbox_limit = 0
in_flow_delay = 0
"""

MASTER_CF = """
127.0.0.1:{smtp} inet n - n - - smtpd
127.0.0.1:{submission} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

DOVECOT_CONF = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_username_format = %Ln
auth_failure_delay = 0
mail_location = maildir:{folder}/mail/%n
mail_uid = {owner}
mail_gid = {group}
first_valid_uid = 1
first_valid_gid = 1
mail_max_userip_connections = 100
recipient_delimiter = +
postmaster_address = postmaster@people.test
submission_host = 127.0.0.1:{smtp}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%n {folder}/passwords
}}
userdb {{
  driver = static
  args = uid={owner} gid={group} home={folder}/mail/%n
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service lmtp {{
  unix_listener {folder}/lmtp {{
    mode = 0666
  }}
}}
service auth {{
  unix_listener {folder}/auth {{
    mode = 0666
  }}
}}
protocol lmtp {{
  mail_plugins = sieve
}}
plugin {{
  sieve = file:~/sieve;active=~/.dovecot.sieve
  sieve_vacation_min_period = 0
}}
"""

VACATION = """require ["vacation"];
vacation :days 0 :subject "Out of office" :addresses ["{address}"] "I am away until Monday.";
"""


@dataclass
class MailServers:
    """Both servers, each of which can be stopped and started. All ports are the same before and after."""

    folder: Path
    smtp: int = field(default_factory=free_port)
    submission: int = field(default_factory=free_port)
    imap: int = field(default_factory=free_port)
    imaps: int = field(default_factory=free_port)
    people: list[str] = field(default_factory=list)

    @property
    def certificate(self) -> Path:
        """What a client must trust: `SSL_CERT_FILE`."""
        return self.folder / "cert.pem"

    def set_up(self) -> None:
        """Write every file that the servers read."""
        for name in ("postfix", "queue", "data", "mail", "run", "state"):
            (self.folder / name).mkdir()
        postfix = pwd.getpwnam("postfix")
        os.chown(self.folder / "data", postfix.pw_uid, postfix.pw_gid)
        self._own(self.folder / "mail")
        make_certificate(self.folder)
        known = {name: getattr(self, name) for name in ("folder", "smtp", "submission", "imap", "imaps")}
        group = subprocess.run(["id", "-gn", OWNER], capture_output=True, text=True, check=True).stdout.strip()
        (self.folder / "dovecot.conf").write_text(DOVECOT_CONF.format(owner=OWNER, group=group, **known))
        (self.folder / "postfix" / "main.cf").write_text(MAIN_CF.format(**known))
        (self.folder / "postfix" / "master.cf").write_text(MASTER_CF.format(**known))
        (self.folder / "postfix" / "transports").write_text(
            f"bounce.test lmtp:unix:{self.folder}/lmtp\nlater.test smtp:[127.0.0.1]:{free_port()}\n"
        )
        (self.folder / "passwords").touch()

    def add(self, *addresses: str) -> None:
        """New mailboxes. A running Postfix takes a second or two to know them."""
        self.people += addresses
        (self.folder / "postfix" / "people").write_text("".join(f"{one} ok\n" for one in self.people))
        names = (one.partition("@")[0] for one in self.people)
        (self.folder / "passwords").write_text("".join(f"{name}:{PASSWORD}\n" for name in names))
        if (self.folder / "queue" / "pid" / "master.pid").exists():
            self._postfix("reload")

    def away(self, address: str) -> None:
        """From now on, whoever writes to this mailbox gets a real out-of-office reply."""
        home = self.folder / "mail" / address.partition("@")[0]
        home.mkdir(exist_ok=True)
        (home / ".dovecot.sieve").write_text(VACATION.format(address=address))
        self._own(home)
        self._own(home / ".dovecot.sieve")

    # Starting and stopping

    def start(self) -> None:
        self.start_dovecot()
        self.start_postfix()

    def stop(self) -> None:
        self.stop_postfix()
        self.stop_dovecot()

    def start_dovecot(self) -> None:
        """Dovecot, ready."""
        self._run("dovecot", "-c", str(self.folder / "dovecot.conf"))
        _wait_for(lambda: _greets(self.imap))

    def stop_dovecot(self) -> None:
        """Dovecot with all its connections."""
        with suppress(FileNotFoundError, ValueError):
            _end(int((self.folder / "run" / "master.pid").read_text()))

    def start_postfix(self) -> None:
        """Postfix, ready."""
        self._postfix("start")
        _wait_for(lambda: _greets(self.smtp))

    def stop_postfix(self) -> None:
        """Postfix at once, in the middle of whatever it does; it has no files but its own."""
        with suppress(FileNotFoundError, ValueError):
            _end(int((self.folder / "queue" / "pid" / "master.pid").read_text()))

    def _postfix(self, word: str) -> None:
        self._run("postfix", "-c", str(self.folder / "postfix"), word)

    def _run(self, *words: str) -> None:
        """A command that leaves a server behind, which would keep a pipe open for ever: what it says goes to a file."""
        said = self.folder / "said.log"
        with said.open("a") as output:
            ran = subprocess.run(words, stdout=output, stderr=output, stdin=subprocess.DEVNULL, timeout=30)
        assert ran.returncode == 0, said.read_text()

    def kick(self, address: str) -> bool:
        """End every session of a mailbox; whether there was one."""
        words = ["doveadm", "-c", str(self.folder / "dovecot.conf"), "kick", address.partition("@")[0]]
        return subprocess.run(words, capture_output=True).returncode == 0

    # Mailboxes

    def inbox(self, address: str) -> list[bytes]:
        """The mails in a mailbox as they are, oldest first."""
        home = self.folder / "mail" / address.partition("@")[0]
        files = [path for name in ("cur", "new") for path in (home / name).glob("*")]
        return [path.read_bytes() for path in sorted(files, key=lambda path: _arrived(path.name))]

    def mails(self, address: str, after: int = 0) -> list[EmailMessage]:
        """The same, parsed; those after so many only."""
        return [message_from_bytes(raw, policy=policy.default) for raw in self.inbox(address)[after:]]

    def await_mails(self, address: str, number: int, seconds: float = 20) -> list[EmailMessage]:
        """The mails in a mailbox, once there are so many."""
        _wait_for(lambda: len(self.inbox(address)) >= number, seconds)
        return self.mails(address)

    def insert(self, address: str, raws: list[bytes], age: timedelta = timedelta()) -> None:
        """Mails put into a mailbox by hand, many at once."""
        home = self.folder / "mail" / address.partition("@")[0]
        for name in ("", "cur", "new", "tmp"):
            (home / name).mkdir(exist_ok=True)
            self._own(home / name)
        arrived = time.time() - age.total_seconds()
        for number, raw in enumerate(raws):
            path = home / "new" / f"{int(arrived)}.M{number:06}P1.inserted"
            path.write_bytes(raw)
            os.utime(path, (arrived, arrived))
            self._own(path)

    def renumber(self, address: str) -> None:
        """Give every mail a new UID and the mailbox a new UIDVALIDITY, as after a restored backup."""
        self.stop_dovecot()
        home = self.folder / "mail" / address.partition("@")[0]
        for path in [*home.glob("dovecot*")]:
            path.unlink()
        time.sleep(1.1)  # UIDVALIDITY is made of whole seconds
        self.start_dovecot()

    def _own(self, path: Path) -> None:
        owner = _owner()
        os.chown(path, owner.pw_uid, owner.pw_gid)

    # Writing

    def submit(self, mail: EmailMessage | bytes, sender: str, *to: str) -> None:
        """Send as a person's mail program does: submission with STARTTLS and a login."""
        raw = mail if isinstance(mail, bytes) else mail.as_bytes(policy=policy.SMTP.clone(max_line_length=998))
        context = ssl.create_default_context(cafile=str(self.certificate))
        with smtplib.SMTP("localhost", self.submission, local_hostname="phone.test") as server:
            server.starttls(context=context)
            server.login(re.split(r"[+@]", sender)[0], PASSWORD)
            server.sendmail(sender, list(to), raw)

    def threads(self, *addresses: str) -> list[int]:
        """How many threads notmuch sees in each mailbox."""
        return [self._threads(address) for address in addresses]

    def _threads(self, address: str) -> int:
        with tempfile.TemporaryDirectory() as home:
            (Path(home) / "mail").mkdir()
            for number, raw in enumerate(self.inbox(address)):
                (Path(home) / "mail" / f"{number}.eml").write_bytes(raw)
            config = Path(home) / "config"
            config.write_text(f"[database]\npath={home}/mail\n[user]\nprimary_email={address}\n")
            known = {"HOME": home, "PATH": os.environ["PATH"], "NOTMUCH_CONFIG": str(config)}
            subprocess.run(["notmuch", "new", "--quiet"], env=known, check=True, capture_output=True)
            ran = subprocess.run(
                ["notmuch", "count", "--output=threads", "*"], env=known, check=True, capture_output=True, text=True
            )
        return int(ran.stdout)


@contextmanager
def mail_servers(*addresses: str) -> Iterator[MailServers]:
    """Running servers with empty mailboxes for these addresses, all gone afterwards."""
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing:
        unavailable(f"mail servers: there is no {', '.join(missing)} (Debian: {PACKAGES})")
    if os.geteuid() != 0:
        unavailable("mail servers: Postfix starts only as root")
    folder = Path(tempfile.mkdtemp(prefix="ownpace-mail-"))
    folder.chmod(0o755)
    servers = MailServers(folder)
    try:
        servers.set_up()
        servers.add(*addresses)
        servers.start()
        yield servers
    finally:
        servers.stop()
        shutil.rmtree(folder, ignore_errors=True)


def answer(question: EmailMessage, text: str, person: str, number: int) -> EmailMessage:
    """A reply as mail programs make it: the text above the quoted question, below it, HTML, or without quotes."""
    quoted = "\n".join(f"> {line}".rstrip() for line in text_of(question).splitlines())
    head = f"On Tue, 3 Nov 2026 at 10:00, Voices Study <{question['To']}> wrote:"
    reply = EmailMessage()
    reply["From"] = f"Sam <{person}>"
    reply["To"] = str(question["Reply-To"])
    reply["Subject"] = str(question["Subject"]) if "Re:" in str(question["Subject"]) else f"Re: {question['Subject']}"
    reply["Message-ID"] = make_msgid(domain="phone.test")
    reply["In-Reply-To"] = str(question["Message-ID"])
    reply["References"] = f"{question['References']} {question['Message-ID']}"
    styles = [f"{text}\n\n{head}\n{quoted}\n", f"{text}\n", f"{text}\n\nSent from my iPhone\n\n{head}\n\n{quoted}\n"]
    reply.set_content(styles[number % 3])
    if number % 4 == 3:
        html = question.get_body(("html",))
        assert html is not None
        reply.add_alternative(
            f"<div>{text}</div><div class='gmail_quote'><div>{head}</div>"
            f"<blockquote class='gmail_quote'>{html.get_content()}</blockquote></div>",
            subtype="html",
        )
    return reply


def text_of(mail: EmailMessage) -> str:
    """The plain text of a mail."""
    part = mail.get_body(("plain",))
    assert part is not None
    content: str = part.get_content()
    return content


@cache
def _owner() -> pwd.struct_passwd:
    return pwd.getpwnam(OWNER)


def make_certificate(folder: Path) -> None:
    """A certificate for localhost, made now and trusted by nobody else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _arrived(name: str) -> tuple[int, int]:
    """Maildir names begin with the second and, after M, the microsecond of arrival."""
    found = re.match(r"(\d+)\.M(\d+)", name)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _greets(port: int) -> bool:
    """Whether a server says something to whoever connects."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            return bool(connection.recv(100))
    except OSError:
        return False


def _wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def _end(pid: int) -> None:
    """Stop a server and its children, and wait. A dead one may stay a zombie for a while."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":
            return
        time.sleep(0.02)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
