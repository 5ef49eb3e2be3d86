"""The folder: whole files or none, sorted by time, and the same file however often it is sent."""

import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from monitor.channels import DeliveryError, Folder
from monitor.testing.channel import Ailment, ChannelContract, Taken, make_notification


@dataclass
class FarFolder:
    path: Path
    channel: Folder

    @property
    def secrets(self):
        return (str(self.path), "night.desk")

    def taken(self):
        if not self.path.is_dir():
            return []
        mails = [message_from_bytes(file.read_bytes(), policy=default) for file in sorted(self.path.glob("*.eml"))]
        return [
            Taken(mail["Message-ID"].strip("<>").split("@")[0], mail.get_body(("plain",)).get_content())
            for mail in mails
        ]

    def suffer(self, ailment):
        if ailment is None:
            self.path.unlink()
        else:
            self.path.write_text("a file where the folder should be")


class TestFolder(ChannelContract):
    ailments = frozenset(
        {Ailment.PASSING}
    )  # a disk refuses for the time being; it neither hangs up nor knows a "never"

    @asynccontextmanager
    async def far_end(self):
        with tempfile.TemporaryDirectory() as parent:
            path = Path(parent) / "mail"
            yield FarFolder(path, Folder(path))


async def test_names_sort_by_time_and_say_level_and_id(tmp_path):
    for hour, level in ((9, "critical"), (10, "info")):
        await Folder(tmp_path).send(
            make_notification(
                id=f"n-{hour}", created_at=datetime(2026, 6, 1, hour, tzinfo=UTC), headers={"X-Wellheard-Level": level}
            )
        )

    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "20260601T090000Z-critical-n-9.eml",
        "20260601T100000Z-info-n-10.eml",
    ]


async def test_the_same_notification_is_one_file_with_the_same_bytes(tmp_path):
    await Folder(tmp_path).send(make_notification())
    (file,) = tmp_path.iterdir()
    before = file.read_bytes()
    await Folder(tmp_path).send(make_notification(attempts=2))

    assert list(tmp_path.iterdir()) == [file]
    assert file.read_bytes() == before


async def test_an_id_or_a_level_cannot_leave_the_folder(tmp_path):
    inner = tmp_path / "mail"
    await Folder(inner).send(make_notification(id="../../etc/passwd", headers={"X-Wellheard-Level": "../x"}))

    assert [file.parent for file in tmp_path.rglob("*.eml")] == [inner]


async def test_a_failure_leaves_nothing_half_written(tmp_path):
    folder = tmp_path / "mail"
    (folder / "20260601T120000Z-urgent-n.eml").mkdir(parents=True)  # where the file would be renamed to

    with pytest.raises(DeliveryError) as caught:
        await Folder(folder).send(make_notification(id="n"))

    assert not caught.value.permanent
    assert "the folder of the risk inbox cannot be written to" in str(caught.value)
    assert [file.name for file in folder.iterdir()] == ["20260601T120000Z-urgent-n.eml"]


@pytest.mark.parametrize(
    ("recipient", "to"), [("risk", "risk@localhost"), ("desk@practice.example", "desk@practice.example")]
)
async def test_a_recipient_that_is_no_address_is_written_as_the_inbox(tmp_path, recipient, to):
    await Folder(tmp_path).send(make_notification(recipient=recipient))
    (file,) = tmp_path.iterdir()

    assert message_from_bytes(file.read_bytes(), policy=default)["To"] == to
