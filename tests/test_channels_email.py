"""Mail: what arrives, what is refused, and that a refusal is never taken for success."""

import asyncio
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.channels import DeliveryError, Email, Smtp
from monitor.channels.letter import letter, one_line
from monitor.connector import Secret
from monitor.testing.channel import SHORT, Ailment, ChannelContract, Taken, make_notification
from tests.smtp import DROP, HANG, Mailbox, authority, mail_server, server_tls

SENDER = "Wellheard <wellheard@practice.example>"


def smtp(mailbox: Mailbox, **changes) -> Smtp:
    usual = {"host": "127.0.0.1", "port": mailbox.port, "security": "none", "sender": SENDER, "timeout": SHORT * 5}
    return Smtp(**(usual | changes))


async def sent(mailbox: Mailbox, notification=None, **changes) -> None:
    await Email(smtp(mailbox, **changes)).send(notification or make_notification())


async def refused(mailbox: Mailbox, notification=None, **changes) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await sent(mailbox, notification, **changes)
    return caught.value


@dataclass
class FarMailbox:
    mailbox: Mailbox
    channel: Email
    secrets: tuple[str, ...] = ("not-to-be-seen", "night.desk")

    def taken(self):
        return [
            Taken(self._id(mail), mail.get_body(("plain",)).get_content() + str(mail["Subject"]))
            for mail in self.mailbox.mails()
        ]

    @staticmethod
    def _id(mail):
        return mail["Message-ID"].strip("<>").split("@")[0]

    def suffer(self, ailment):
        ill = {
            None: {},
            Ailment.PASSING: {"RCPT": "451 4.2.1 <night.desk@practice.example> later"},
            Ailment.LASTING: {"RCPT": "550 5.1.1 <night.desk@practice.example> unknown"},
            Ailment.SILENT: {"DATA": HANG},
            Ailment.BROKEN: {"DATA": DROP},
        }
        self.mailbox.answers = ill[ailment]


class TestEmail(ChannelContract):
    far_loggers = ("mail", "asyncio")

    @asynccontextmanager
    async def far_end(self):
        ca = authority()
        mailbox = Mailbox(login=("wellheard", "not-to-be-seen"))
        async with mail_server(mailbox, starttls=server_tls(ca)):
            with ca.cert_pem.tempfile() as file:
                settings = smtp(
                    mailbox, host="localhost", security="starttls", ca_file=file, timeout=SHORT,
                    username="wellheard", password=Secret("not-to-be-seen"),
                )  # fmt: skip
                yield FarMailbox(mailbox, Email(settings))


async def test_a_mail_has_one_recipient_two_forms_and_the_headers_of_the_contract():
    async with mail_server(Mailbox()) as mailbox:
        await sent(mailbox)
        (mail,) = mailbox.mails()
        notification = make_notification()

        assert mailbox.envelopes == [("wellheard@practice.example", ["night.desk@practice.example"])]
        assert mail["From"] == SENDER
        assert mail["To"] == "night.desk@practice.example"
        assert mail["Subject"] == notification.message.subject
        assert mail["Message-ID"] == f"<{notification.id}@practice.example>"
        assert mail["References"] == mail["In-Reply-To"] == "<incident-12@practice.example>"
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail["X-Wellheard-Level"] == "urgent"
        assert parsedate_to_datetime(mail["Date"]) == notification.created_at
        assert mail.get_content_type() == "multipart/alternative"
        assert mail.get_body(("plain",)).get_content().splitlines() == notification.message.text.splitlines()
        assert "<title>Threat to staff</title>" in mail.get_body(("html",)).get_content()


async def test_every_attempt_sends_the_same_bytes():
    async with mail_server(Mailbox()) as mailbox:
        await sent(mailbox)
        await sent(mailbox, make_notification(attempts=3))

        assert mailbox.letters[0] == mailbox.letters[1]


async def test_mail_about_no_incident_belongs_to_no_thread():
    async with mail_server(Mailbox()) as mailbox:
        await sent(mailbox, make_notification(incident_id=None))

        assert mailbox.mails()[0]["References"] is None


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_trusted_certificate_and_a_right_password_deliver_over_tls(security, tmp_path):
    ca = authority()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with mail_server(Mailbox(login=("desk", "right")), **{security: server_tls(ca)}) as mailbox:
        await sent(
            mailbox, host="localhost", security=security, ca_file=tmp_path / "ca.pem", username="desk",
            password=Secret("right"),
        )  # fmt: skip

        assert mailbox.tls == [True]
        assert mailbox.logins == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_nobody_vouches_for_sends_nothing_and_is_said_clearly(security):
    async with mail_server(Mailbox(), **{security: server_tls(authority())}) as mailbox:
        error = await refused(mailbox, host="localhost", security=security)

        assert not mailbox.envelopes
        assert not error.permanent
        assert "certificate that is not trusted" in str(error)


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_for_another_name_sends_nothing(security, tmp_path):
    ca = authority()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with mail_server(Mailbox(), **{security: server_tls(ca, "other.example")}) as mailbox:
        error = await refused(mailbox, host="localhost", security=security, ca_file=tmp_path / "ca.pem")

        assert not mailbox.letters
        assert "certificate that is not trusted" in str(error)


async def test_a_server_without_starttls_gets_nothing_in_the_clear():
    async with mail_server(Mailbox(login=("desk", "right"))) as mailbox:
        error = await refused(mailbox, host="localhost", security="starttls", username="desk", password=Secret("right"))

        assert (mailbox.letters, mailbox.logins) == ([], 0)
        assert not error.permanent
        assert "STARTTLS" in str(error)


async def test_a_wrong_password_is_ours_to_mend_and_nothing_is_given_up_for_it(tmp_path):
    ca = authority()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with mail_server(Mailbox(login=("desk", "right")), starttls=server_tls(ca)) as mailbox:
        error = await refused(
            mailbox, host="localhost", security="starttls", ca_file=tmp_path / "ca.pem", username="desk",
            password=Secret("wrong-one"),
        )  # fmt: skip

        assert not error.permanent
        assert "user name or password" in str(error)
        assert "wrong-one" not in str(error)


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        ("421 4.3.2 shutting down", False),
        ("450 4.2.1 mailbox busy", False),
        ("451 try later", False),
        ("452 4.2.2 full", False),
        ("550 5.1.1 unknown", True),
        ("552 5.2.2 full", True),
        ("554 5.7.1 no", True),
        ("550 5.4.4 no route to the host", False),
    ],
)
async def test_4yz_is_tried_again_and_5yz_is_not(command, answer, permanent):
    async with mail_server(Mailbox(answers={command: answer})) as mailbox:
        error = await refused(mailbox)

        assert error.permanent is permanent
        assert answer[:3] in str(error)
        assert not mailbox.letters


async def test_of_two_recipients_one_refused_each_has_its_own_fate():
    async with mail_server(Mailbox()) as mailbox:
        await sent(mailbox, make_notification(recipient="first@practice.example"))
        mailbox.answers = {"RCPT": "550 5.1.1 no such user"}
        error = await refused(mailbox, make_notification(recipient="second@practice.example"))

        assert error.permanent
        assert [recipients for _, recipients in mailbox.envelopes] == [["first@practice.example"]]


async def test_a_connection_lost_in_the_data_is_tried_again():
    async with mail_server(Mailbox(answers={"DATA": DROP})) as mailbox:
        error = await refused(mailbox)

        assert not error.permanent
        assert "broke the connection off" in str(error)


async def test_nobody_listening_is_tried_again():
    async with mail_server(Mailbox()) as mailbox:
        pass
    error = await refused(mailbox)

    assert not error.permanent
    assert "cannot be reached" in str(error)


async def test_the_deadline_counts_for_the_whole_delivery():
    async with mail_server(Mailbox(answers={"RCPT": HANG})) as mailbox:
        started = asyncio.get_running_loop().time()
        error = await refused(mailbox, timeout=timedelta(milliseconds=200))

        assert asyncio.get_running_loop().time() - started < 3
        assert not error.permanent
        assert "too long" in str(error)


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b@c", "a@b.example\r\nBcc: x@y.example", "<a@b.example>", "ü@b.example", "@"]
)
async def test_an_address_nobody_can_write_to_is_refused_for_good_and_not_shown(address):
    error = await refused(Mailbox(port=9), make_notification(recipient=address))

    assert error.permanent
    assert len(address) < 2 or address not in str(error)


@pytest.mark.parametrize("host", ["mail.practice.example", "192.0.2.1", "localhost.example", "::2"])
def test_mail_in_the_clear_is_refused_to_all_but_loopback(host):
    with pytest.raises(ValueError, match="starttls"):
        Smtp(host=host, security="none", sender=SENDER)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]"])
def test_mail_in_the_clear_is_allowed_to_loopback(host):
    assert Smtp(host=host, security="none", sender=SENDER).host == host


def test_the_channel_verifies_certificates_and_names():
    tls = Email(Smtp(host="mail.practice.example", sender=SENDER))._tls

    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert tls.check_hostname


@given(st.text(), st.text(), st.text())
def test_a_letter_can_be_written_whatever_an_author_has_written(subject, text, header):
    raw = letter(
        make_notification(subject=subject, text=text, html=text, headers={"X-Wellheard-Level": header}), SENDER,
        "night.desk@practice.example",
    )  # fmt: skip
    head = raw.split(b"\r\n\r\n")[0]

    assert raw.isascii()
    assert b"\0" not in raw
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert sum(line.lower().startswith((b"to:", b"bcc:", b"cc:")) for line in head.split(b"\r\n")) == 1


@given(st.text(min_size=1))
def test_the_subject_that_arrives_is_the_subject_that_was_meant(subject):
    box = Mailbox(letters=[letter(make_notification(subject=subject), SENDER, "night.desk@practice.example")])

    assert " ".join(box.mails()[0]["Subject"].split()) == one_line(subject, 200)


@pytest.mark.parametrize("length", [199, 200, 201, 2000])
def test_a_long_subject_is_cut_and_says_so(length):
    found = one_line("x" * length, 200)

    assert len(found) == min(length, 200)
    assert found.endswith("…") is (length > 200)


def test_a_message_cannot_replace_the_headers_that_deliver_it():
    raw = letter(
        make_notification(headers={"To": "x@y.example", "Bcc": "x@y.example", "X-Wellheard-Level": "urgent\r\nBcc: x@y.example"}),
        SENDER, "night.desk@practice.example",
    )  # fmt: skip

    assert raw.count(b"\r\nTo:") == 1
    assert b"\r\nBcc:" not in raw


def test_the_date_is_that_of_the_message_and_not_of_the_attempt():
    late = replace(make_notification(), created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), attempts=9)
    (mail,) = Mailbox(letters=[letter(late, SENDER, "night.desk@practice.example")]).mails()

    assert parsedate_to_datetime(mail["Date"]) == late.created_at
