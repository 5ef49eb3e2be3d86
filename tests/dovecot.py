"""A throw-away Dovecot for one test run: a real mail server on loopback, run by whoever runs the tests, gone afterwards."""

from __future__ import annotations

import getpass
import grp
import imaplib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import trustme

USER, PASSWORD = "listener@practice.example", 'correct "horse" \\ Größe'

_SETTINGS = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
listen = 127.0.0.1
protocols = imap
ssl = yes
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.pem
disable_plaintext_auth = no
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%u
mail_max_userip_connections = 50
auth_failure_delay = 0
auth_mechanisms = {mechanisms}
passdb {{
  driver = passwd-file
  args = scheme=plain username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/home
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {plain}
  }}
  inet_listener imaps {{
    port = {tls}
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
"""

# As tests/postgres.py has it: it lives as long as its standard input is open, whatever becomes of the tests.
_KEEPER = """
trap '' INT TERM HUP
dovecot=$1 folder=$2
"$dovecot" -F -c "$folder/conf" >"$folder/out" 2>&1 &
server=$!
read -r _
kill "$server" 2>/dev/null
wait "$server"
rm -rf "$folder"
"""


class DovecotMissing(Exception):
    """The server's program is not installed here."""


@dataclass(frozen=True)
class Dovecot:
    """A running server: its ports, the authority that signed its certificate, and how mails get into it."""

    plain: int
    tls: int
    authority: Path

    def deliver(self, *mails: bytes, folder: str = "INBOX", at: datetime | None = None) -> None:
        """Puts mails into a folder as they are, unread."""
        with self.opened() as box:
            for mail in mails:
                when = imaplib.Time2Internaldate(at) if at else ""
                answer, said = box.append(folder, "", when, mail)
                assert answer == "OK", said

    def clear(self, folder: str = "INBOX") -> None:
        """Leaves a folder with nothing in it."""
        with self.opened() as box:
            box.create(folder)
            if int(box.select(folder)[1][0] or 0):
                box.store("1:*", "+FLAGS", "\\Deleted")
                box.expunge()

    def remake(self, folder: str) -> None:
        """Deletes a folder and makes it again."""
        with self.opened() as box:
            box.delete(folder)
            answer, said = box.create(folder)
            assert answer == "OK", said

    def flags(self, folder: str = "INBOX") -> list[bytes]:
        """What is marked on each mail."""
        with self.opened() as box:
            box.select(folder, readonly=True)
            return [line for line in box.fetch("1:*", "(FLAGS)")[1] if line]

    @contextmanager
    def opened(self) -> Iterator[imaplib.IMAP4]:
        with imaplib.IMAP4("127.0.0.1", self.plain, timeout=30) as box:
            box.authenticate("PLAIN", lambda _: f"\0{USER}\0{PASSWORD}".encode())
            yield box


@contextmanager
def dovecot(mechanisms: str = "plain login") -> Iterator[Dovecot]:
    """A server of one's own, stopped and removed at the end. Raises DovecotMissing, or RuntimeError with its log."""
    program = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        raise DovecotMissing("no Dovecot found: install the package dovecot-imapd (Debian, Ubuntu) or dovecot (RHEL)")
    folder = Path(tempfile.mkdtemp(prefix="wellheard-mail-"))
    keeper = None
    try:
        plain, tls = _free_port(), _free_port()
        account = _account()
        _configure(folder, account, plain, tls, mechanisms)
        keeper = subprocess.Popen(
            ["/bin/sh", "-c", _KEEPER, "keeper", program, folder],
            cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True, **_as(account),
        )  # fmt: skip
        _await(plain, folder)
        yield Dovecot(plain, tls, folder / "authority.pem")
    finally:
        if keeper is not None:
            keeper.communicate()
        shutil.rmtree(folder, ignore_errors=True)


def _account() -> pwd.struct_passwd:
    """Who runs it: not root, whom Dovecot lets read no mail."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwnam(getpass.getuser())


def _as(account: pwd.struct_passwd) -> dict[str, object]:
    if os.geteuid() != 0:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _configure(folder: Path, account: pwd.struct_passwd, plain: int, tls: int, mechanisms: str) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    (folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n", encoding="utf-8")
    said = _SETTINGS.format(
        folder=folder, user=account.pw_name, group=grp.getgrgid(account.pw_gid).gr_name, plain=plain, tls=tls,
        mechanisms=mechanisms,
    )  # fmt: skip
    (folder / "conf").write_text(said, encoding="utf-8")
    for path in (folder, *folder.iterdir()):
        os.chown(path, account.pw_uid, account.pw_gid)


def _await(port: int, folder: Path) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as probe:
                if probe.recv(10).startswith(b"* OK"):
                    return
        except OSError:
            time.sleep(0.05)  # a program is waited for, not a clock
    said = "".join(path.read_text(errors="replace") for path in (folder / "out", folder / "log") if path.exists())
    raise RuntimeError(f"Dovecot did not start: {said[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
