"""What can be wrong with the mail server: none, an open line, half a log-in."""

import os
from collections.abc import Iterator

from monitor.config.addresses import is_loopback
from monitor.config.findings import Finding
from monitor.config.models import Config, Smtp


def smtp_findings(config: Config) -> Iterator[Finding]:
    """What is wrong between the mail server and those who are told by mail."""
    if config.smtp:
        yield from _server(config.smtp)
        return
    for inbox in config.inboxes.values():
        if inbox.email:
            yield Finding(
                loc=("inboxes", inbox.name, "email"),
                wrong="needs a mail server",
                right="add [smtp] with host and from",
                needs=(("smtp",),),
            )


def _server(smtp: Smtp) -> Iterator[Finding]:
    if any(mark in smtp.host for mark in "/@ "):
        yield Finding(
            loc=("smtp", "host"), wrong="is not a host name", right='write for example "mail.practice.example"'
        )
    if smtp.security == "none" and not is_loopback(smtp.host):
        yield Finding(
            loc=("smtp", "security"),
            wrong='"none" would send over an open line',
            right='write "starttls" or "tls"; "none" is only for a mail server on this machine',
            needs=(("smtp", "host"),),
        )
    if (smtp.username is None) != (smtp.password is None):
        given, missing = ("password", "username") if smtp.username is None else ("username", "password")
        yield Finding(
            loc=("smtp", missing),
            wrong=f"is missing beside {given}",
            right="add it, or leave both out",
            needs=(("smtp", given),),
        )
    if smtp.ca_file and not os.path.isfile(smtp.ca_file):  # noqa: PTH113 - Path.is_file raises for a name too long
        yield Finding(loc=("smtp", "ca_file"), wrong=f"there is no file {smtp.ca_file}", right="correct the path")
