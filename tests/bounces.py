"""Bounces in the shapes in which Postfix, Exchange and Gmail write them, about whichever message a test has sent."""

from __future__ import annotations

_POSTFIX = """\
Return-Path: <>
From: MAILER-DAEMON@mx.practice.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: wellheard@practice.example
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
 boundary="4XyZ1k0abcz9sK.1772460012/mx.practice.example"
Content-Transfer-Encoding: 8bit
Message-Id: <4XyZ1k1Qdbz9sL@mx.practice.example>
Date: Mon, 02 Mar 2026 12:00:12 +0000

This is a MIME-encapsulated message.

--4XyZ1k0abcz9sK.1772460012/mx.practice.example
Content-Description: Notification
Content-Type: text/plain; charset=utf-8

I'm sorry to have to inform you that your message could not be delivered.

<{who}>: host mail.practice.example[192.0.2.7] said: 550 {status} no such user

--4XyZ1k0abcz9sK.1772460012/mx.practice.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.practice.example
X-Postfix-Queue-ID: 4XyZ1k0abcz9sK
X-Postfix-Sender: rfc822; wellheard@practice.example
Arrival-Date: Mon, 02 Mar 2026 12:00:11 +0000

Final-Recipient: rfc822; {who}
Original-Recipient: rfc822;{who}
Action: {action}
Status: {status}
Remote-MTA: dns; mail.practice.example
Diagnostic-Code: smtp; 550 {status} no such user

--4XyZ1k0abcz9sK.1772460012/mx.practice.example
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers
Content-Transfer-Encoding: 8bit

Return-Path: <wellheard@practice.example>
From: Wellheard <wellheard@practice.example>
To: {who}
Subject: [URGENT] Threat to staff - Main campus (incident 1)
Message-ID: {id}
Auto-Submitted: auto-generated

--4XyZ1k0abcz9sK.1772460012/mx.practice.example--
"""
_EXCHANGE = """\
From: Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@practice.example>
To: <wellheard@practice.example>
Date: Mon, 2 Mar 2026 12:00:14 +0000
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="f1a2b3c4-0000-4000-8000-5d6e7f809a0b"
Content-Language: en-US
Message-ID: <c0ffee00-1234-4321-9876-abcdef012345@MAILBOX01.practice.example>
In-Reply-To: {id}
References: {id}
Subject: Undeliverable: [URGENT] Threat to staff - Main campus (incident 1)
Auto-Submitted: auto-replied
MIME-Version: 1.0

--f1a2b3c4-0000-4000-8000-5d6e7f809a0b
Content-Type: multipart/alternative; differences=Content-Type;
\tboundary="0a1b2c3d-0000-4000-8000-998877665544"

--0a1b2c3d-0000-4000-8000-998877665544
Content-Type: text/plain; charset="us-ascii"
Content-Transfer-Encoding: quoted-printable

Delivery has failed to these recipients or groups:

--0a1b2c3d-0000-4000-8000-998877665544
Content-Type: text/html; charset="us-ascii"
Content-Transfer-Encoding: quoted-printable

<html><body><p>Delivery has failed to these recipients or groups:</p></body></html>

--0a1b2c3d-0000-4000-8000-998877665544--

--f1a2b3c4-0000-4000-8000-5d6e7f809a0b
Content-Type: message/delivery-status

Reporting-MTA: dns;MAILBOX01.practice.example
Received-From-MTA: dns;mx.practice.example
Arrival-Date: Mon, 2 Mar 2026 12:00:12 +0000

Original-Recipient: rfc822;{who}
Final-Recipient: rfc822;{who}
Action: {action}
Status: {status}
Diagnostic-Code: smtp;550 {status} RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup

--f1a2b3c4-0000-4000-8000-5d6e7f809a0b
Content-Type: message/rfc822

Received: from mx.practice.example (192.0.2.9) by MAILBOX01.practice.example with Microsoft SMTP Server
From: Wellheard <wellheard@practice.example>
To: <{who}>
Subject: [URGENT] Threat to staff - Main campus (incident 1)
Message-ID: {id}
MIME-Version: 1.0
Content-Type: text/plain

--f1a2b3c4-0000-4000-8000-5d6e7f809a0b--
"""
_GMAIL = """\
Return-Path: <>
From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>
To: wellheard@practice.example
Auto-Submitted: auto-replied
Subject: Delivery Status Notification (Failure)
References: {id}
In-Reply-To: {id}
X-Failed-Recipients: {who}
Message-ID: <69a57b4c.050a0220.1f2e3d.0001.GMR@mx.google.com>
Date: Mon, 02 Mar 2026 04:00:12 -0800 (PST)
MIME-Version: 1.0
Content-Type: multipart/report; boundary="000000000000abcdef0123456789"; report-type=delivery-status

--000000000000abcdef0123456789
Content-Type: multipart/related; boundary="000000000000abcdef0123456780"

--000000000000abcdef0123456780
Content-Type: text/plain; charset="UTF-8"

** Address not found **

--000000000000abcdef0123456780--

--000000000000abcdef0123456789
Content-Type: message/delivery-status

Reporting-MTA: dns; googlemail.com
Received-From-MTA: dns; wellheard@practice.example
Arrival-Date: Mon, 02 Mar 2026 04:00:11 -0800 (PST)
X-Original-Message-ID: {id}

Final-Recipient: rfc822; {who}
Action: {action}
Status: {status}
Remote-MTA: dns; mx.practice.example. (192.0.2.7, the server for the domain practice.example.)
Diagnostic-Code: smtp; 550-{status} The email account that you tried to reach does not exist.
Last-Attempt-Date: Mon, 02 Mar 2026 04:00:12 -0800 (PST)

--000000000000abcdef0123456789
Content-Type: message/rfc822

DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=practice.example; s=one; bh=AA==; b=AA==
From: Wellheard <wellheard@practice.example>
To: {who}
Subject: [URGENT] Threat to staff - Main campus (incident 1)
Message-ID: {id}
MIME-Version: 1.0
Content-Type: text/plain; charset="utf-8"

Cut.

--000000000000abcdef0123456789--
"""
SHAPES = {"postfix": _POSTFIX, "exchange": _EXCHANGE, "gmail": _GMAIL}


def bounce(shape: str, message_id: str, who: str, *, status: str = "5.1.1", action: str = "failed") -> bytes:
    """A report that the mail of this Message-ID (with its angle brackets) did not reach `who`."""
    written = SHAPES[shape].replace("{id}", message_id).replace("{who}", who).replace("{status}", status)
    return written.replace("{action}", action).replace("\n", "\r\n").encode()
