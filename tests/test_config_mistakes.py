"""The mistakes that a configuration can have, each with the very sentence that is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config import ConfigError, load
from tests.configured import ENVIRON, connectors, read, written

UNIT = 'write for example "15m" (s, m, h, d, w or y)'
PLAIN = 'is a secret and may not stand in this file; write { env = "NAME" } or { file = "PATH" }'

# The section, its changed lines ("-key": taken out), the line that is named, and the sentence. <folder> is where the file is.
MISTAKES: list[tuple[str, str, str, str]] = [
    # Keys
    ("", 'datbase = "x"', "datbase", "datbase: 'datbase' is not a key here; did you mean 'database'?"),
    ("", 'path = "x"', "path", "path: 'path' is not a key here; there are: administrator, appetite, brands, database, digest, heartbeat, holidays, inboxes, network, organisation, people, retention, risks, rules, smtp, sources, timezone, topics, voice"),
    ("", "-organisation", "", "organisation: is missing; add it"),
    ("inboxes.risk", 'webhok = { url = { env = "HOOK_URL" } }', "webhok", "inboxes.risk.webhok: 'webhok' is not a key here; did you mean 'webhook'?"),
    ("sources.news", 'name = "x"', "name", "sources.news.name: 'name' is not a key here; there are: backfill, connector, enabled, every, labels, options, peer, quiet_after, topics"),
    ("sources.news", 'peer = "practice hospital"', "peer", "sources.news.peer: is this organisation itself; name the competitor that this source watches, or leave it out"),
    ("sources.news", 'peer = " "', "peer", "sources.news.peer: is empty; write it or leave the key out"),
    ("sources.news", 'labels = { peer = "Elm Clinic" }', "labels", 'sources.news.labels.peer: names a competitor, which a label cannot; write peer = "Elm Clinic" in the source itself'),
    ("topics.main", 'labels = { peer = "Elm Clinic" }', "labels", 'topics.main.labels.peer: names a competitor, which a label cannot; write peer = "Elm Clinic" in the sources that watch it'),
    ("inboxes.'two words'", 'folder = "mail"', "[inboxes.'two words']", "inboxes.'two words': is no name; use letters, digits, - and _, at most 63"),
    ("inboxes.risk", 'apprise = ["mailto://x"]', "apprise", "inboxes.risk.apprise: must be a table; write it under a heading in [brackets], or as { key = value }"),
    ("inboxes.risk", 'apprise = { url = "mailto://hunter2" }', "apprise", f"inboxes.risk.apprise.url: {PLAIN}"),
    ("inboxes.risk", 'apprise = { url = { env = "NEWS_TOKEN" } }', "apprise", "inboxes.risk.apprise.url: is no address that Apprise knows; see its list of services; it looks like scheme://..."),
    ("inboxes.risk", 'standby = ["slack"]', "standby", "inboxes.risk.standby[0]: this inbox has no slack; add slack to the inbox, or leave it out here"),
    ("inboxes.risk", 'standby = ["email"]', "standby", "inboxes.risk.standby: leaves no channel to begin with; keep one of the channels out of it"),
    ("inboxes.risk", 'quiet = { from = "22:00", to = "25:00" }', "quiet", "inboxes.risk.quiet.to: '25:00' is not a time of day; write for example \"22:00\""),
    ("inboxes.risk", 'quiet = { from = "22:00", to = "22:00" }', "quiet", 'inboxes.risk.quiet: ends when it begins; write for example { from = "22:00", to = "06:00" }'),
    ("inboxes.risk", 'quiet = { from = "22:00" }', "quiet", "inboxes.risk.quiet.to: is missing; add it"),
    ("inboxes.risk", 'quiet = { from = "22:00", to = "06:00", risks = ["threat_to_stuff"] }', "quiet", "inboxes.risk.quiet.risks[0]: no risk class is called 'threat_to_stuff'; did you mean 'threat_to_staff'?"),
    ("inboxes.risk", "at_most = 0", "at_most", "inboxes.risk.at_most: is out of range; must be greater than or equal to 1"),
    ("", 'administrator = "it"', "administrator", "administrator: nobody has the inbox 'it'; there are: compliance, marketing, risk, security"),
    ("risks.threat_to_staff", 'ack_lasts = "0d"', "ack_lasts", 'risks.threat_to_staff.ack_lasts: is no time at all; write for example "15m"'),
    # Types and plain values
    ("", "organisation = 5", "organisation", 'organisation: must be text; write it in quotes, as in "text"'),
    ("", 'organisation = "  "', "organisation", "organisation: is empty; write it or leave the key out"),
    ("", 'brands = "Practice Hospital"', "brands", 'brands: must be a list; write for example ["one", "two"]'),
    ("", 'brands = ["Practice", "practice"]', "brands", "brands: 'practice' stands there twice; keep one of them"),
    ("", 'holidays = ["25.12.2026"]', "holidays", "holidays[0]: '25.12.2026' is not a day; write for example \"2026-12-25\""),
    ("", "holidays = [2026-12-25T00:00:00]", "holidays", "holidays[0]: '2026-12-25 00:00:00' is not a day; write for example \"2026-12-25\""),
    ("", 'timezone = "America/Chicgo"', "timezone", "timezone: 'America/Chicgo' is not a time zone; did you mean 'America/Chicago'?"),
    ("sources.news", 'enabled = "yes"', "enabled", "sources.news.enabled: must be yes or no; write true or false, without quotes"),
    ("sources.news", 'every = "15x"', "every", f"sources.news.every: '15x' is not a duration; {UNIT}"),
    ("sources.news", "every = 15", "every", 'sources.news.every: 15 has no unit; write for example "15m" (s, m, h, d, w or y)'),
    ("sources.news", 'every = "0m"', "every", 'sources.news.every: is no time at all; write for example "15m"'),
    ("sources.news", 'backfill = "101y"', "backfill", "sources.news.backfill: '101y' is longer than a hundred years; write for example \"3y\""),
    ("inboxes.risk", 'detail = "some"', "detail", "inboxes.risk.detail: 'some' is not known; write one of 'none', 'redacted' or 'full'"),
    ("digest", 'at = "monday morning"', "at", "digest.at: 'monday morning' is not a time of the week; write for example \"mon 07:00\""),
    # Database and network
    ("", 'database = "postgresql://localhost/wellheard"', "database", 'database: is not a database that Wellheard knows; write "sqlite:///wellheard.db" or "postgresql+psycopg://HOST/NAME"'),
    ("", 'database = "postgresql+psycopg://w:hunter2@db.practice.example/w"', "database", 'database: holds a password; write { env = "DATABASE_URL" } and put the whole address there'),
    ("", 'database = "postgresql+psycopg://db.practice.example/w?password=hunter2"', "database", 'database: holds a password; write { env = "DATABASE_URL" } and put the whole address there'),
    ("", 'database = "postgresql+psycopg://[db/w"', "database", 'database: is not an address; write for example "postgresql+psycopg://wellheard@db.practice.example/wellheard"'),
    ("", 'database = "sqlite://"', "database", 'database: is an SQLite database that no file keeps; write for example "sqlite:///wellheard.db"'),
    ("network", 'allow = ["example.com"]', "allow", "network.allow[0]: 'example.com' is not a network; write for example \"192.168.1.0/24\""),
    ("network", 'allow = ["10.0.0.1/8"]', "allow", "network.allow[0]: '10.0.0.1/8' names an address inside a network; write \"10.0.0.0/8\""),
    ("network", 'allow = ["0.0.0.0/0"]', "allow", "network.allow[0]: '0.0.0.0/0' would let everything be reached; write for example \"192.168.1.0/24\""),
    ("network", 'refuse = ["feed"]', "connector", 'sources.news.connector: gets at its platform by a feed, which network.refuse rules out; take the source out, or "feed" out of network.refuse'),
    ("network", 'refuse = ["pages"]', "refuse", "network.refuse[0]: 'pages' is not known; write one of 'official', 'licensed', 'feed', 'mailbox' or 'page'"),
    ("network", 'refuse = "page"', "refuse", 'network.refuse: must be a list; write for example ["one", "two"]'),
    ("network", 'contact = "us"', "contact", "network.contact: 'us' is neither an e-mail address nor a web address; write for example \"webmaster@practice.example\""),
    # Secrets
    ("inboxes.risk", 'slack = { url = "https://hooks.example/hunter2" }', "slack", f"inboxes.risk.slack.url: {PLAIN}"),
    ("sources.news", 'options = { url = "https://news.example/", token = "hunter2" }', "options", f"sources.news.options.token: {PLAIN}"),
    ("inboxes.risk", 'slack = { url = { env = "NOBODY_SET_IT" } }', "slack", "inboxes.risk.slack.url: the environment variable 'NOBODY_SET_IT' is not set; set it where the daemon starts"),
    ("inboxes.risk", 'slack = { url = { env = "BLANK" } }', "slack", "inboxes.risk.slack.url: the environment variable 'BLANK' is not set; set it where the daemon starts"),
    ("inboxes.risk", 'slack = { url = { env = "hunter2" } }', "slack", "inboxes.risk.slack.url: the environment variable of this name is not set; set it where the daemon starts"),
    ("inboxes.risk", 'slack = { url = { file = "hidden/slack" } }', "slack", "inboxes.risk.slack.url: there is no file <folder>/hidden/slack; write the secret there, or correct the path"),
    ("inboxes.risk", 'slack = { url = { env = "A", file = "B" } }', "slack", 'inboxes.risk.slack.url: does not name a secret; write { env = "NAME" } or { file = "PATH" }'),
    ("inboxes.risk", 'slack = { url = { env = "OPEN_URL" } }', "slack", "inboxes.risk.slack.url: would send over an open line (http); use https://; http:// only to this machine"),
    ("inboxes.risk", 'slack = { url = { env = "NO_URL" } }', "slack", "inboxes.risk.slack.url: does not hold a web address; it must begin with https://"),
    ("inboxes.risk", 'webhook = { url = { env = "HOOK_URL" }, secret = { env = "SMTP_PASSWORD" } }', "webhook", "inboxes.risk.webhook.secret: is no signing secret; make one with: echo whsec_$(openssl rand -base64 32)"),
    ("inboxes.risk", 'webhook = { url = { env = "HOOK_URL" } }', "webhook", "inboxes.risk.webhook.secret: is missing; add it"),
    ("", 'heartbeat = "http://watch.example/ping"', "heartbeat", "heartbeat: would send over an open line (http); use https://; http:// only to this machine"),
    # Topics and sources
    ("sources.news", 'topics = ["mian"]', "topics", "sources.news.topics[0]: no topic is called 'mian'; did you mean 'main'?"),
    ("sources.news", "topics = []", "topics", "sources.news.topics: is an empty list; name at least one or leave the key out"),
    ("sources.news", 'connector = "broken"', "connector", "sources.news.connector: the connector 'broken' cannot be loaded (ImportError); install it again, or its extra"),
    ("sources.news", 'every = "5s"', "every", 'sources.news.every: is shorter than 30 seconds; write at least "30s"'),
    ("sources.news", 'backfill = "4y"', "backfill", "sources.news.backfill: reaches back further than retention.mentions keeps anything; shorten it, or keep mentions longer"),
    ("sources.news", 'quiet_after = "10m"', "quiet_after", 'sources.news.quiet_after: is not longer than every, so that the source would always count as quiet; write for example "7d"'),
    ("sources.news", "-options", "[sources.news]", "sources.news.options.url: is missing; add it"),
    ("sources.news", "options = 5", "options", 'sources.news.options: must be a table; write for example options = { url = "https://..." }'),
    ("sources.news", 'options = { url = "https://news.example/", page = 3 }', "options", "sources.news.options.page: 'page' is not a key here; did you mean 'pages'?"),
    ("sources.news", 'options = { url = "ftp://news.example/a?key=b" }', "options", "sources.news.options.url: ftp://news.example/... should be an https address"),
    ("sources.news", 'options = { url = "https://news.example/", archive = 5 }', "options", "sources.news.options.archive: must be a path; write it in quotes"),
    ("sources.news", 'options = { url = "https://news.example/", edition = [1] }', "options", 'sources.news.options.edition: must be text; write it in quotes, as in "text"'),
    # Mail
    ("smtp", 'from = "Wellheard"', "from", "smtp.from: 'Wellheard' is not a sender; write for example \"Wellheard <wellheard@practice.example>\""),
    ("smtp", "port = 70000", "port", "smtp.port: is out of range; must be less than or equal to 65535"),
    ("smtp", 'security = "none"', "security", 'smtp.security: "none" would send over an open line; write "starttls" or "tls"; "none" is only for a mail server on this machine'),
    ("smtp", 'host = "smtp://mail.practice.example"', "host", 'smtp.host: is not a host name; write for example "mail.practice.example"'),
    ("smtp", 'username = "wellheard"', "[smtp]", "smtp.password: is missing beside username; add it, or leave both out"),
    ("smtp", 'password = { env = "SMTP_PASSWORD" }', "[smtp]", "smtp.username: is missing beside password; add it, or leave both out"),
    ("smtp", 'ca_file = "ours.pem"', "ca_file", "smtp.ca_file: there is no file <folder>/ours.pem; correct the path"),
    # Inboxes
    ("inboxes.risk", "-", "", 'inboxes.risk: is missing, and built-in rules tell it; add [inboxes.risk] with for example email = ["risk@practice.example"]'),
    ("inboxes.risk", "-email", "[inboxes.risk]", "inboxes.risk: nobody has this inbox; add email, webhook, slack, teams, discord, apprise or folder"),
    ("inboxes.risk", 'email = ["risk(at)practice.example"]', "email", "inboxes.risk.email[0]: 'risk(at)practice.example' is not an e-mail address; write for example \"risk@practice.example\""),
    ("inboxes.risk", 'email = ["a@b.example", "A@b.example"]', "email", "inboxes.risk.email: 'A@b.example' stands there twice; keep one of them"),
    ("inboxes.risk", 'folder = "config.toml/mail"', "folder", "inboxes.risk.folder: <folder>/config.toml/mail cannot be written (<folder>/config.toml is no folder); let the daemon's user write there, or name another folder"),
    ("inboxes.risk", 'escalate = [{ after = "30m", to = "director" }]', "escalate", "inboxes.risk.escalate[0].to: nobody has the inbox 'director'; there are: compliance, marketing, risk, security"),
    ("inboxes.risk", 'escalate = [{ after = "30m", to = "risk" }]', "escalate", "inboxes.risk.escalate: goes round in a circle (risk -> risk); let the last inbox escalate to nobody"),
    ("inboxes.risk", 'escalate = [{ after = "30m", to = "security" }]', "escalate", "inboxes.risk.escalate: goes round in a circle (risk -> risk); let the last inbox escalate to nobody"),
    ("inboxes.risk", 'escalate = [{ after = "1h", to = "marketing" }, { after = "1h", to = "marketing" }]', "escalate", "inboxes.risk.escalate[1].after: is not later than the step before it; write the steps in the order of time, counted from the opening"),
    ("inboxes.risk", 'escalate = [{ after = "1h" }]', "escalate", "inboxes.risk.escalate[0].to: is missing; add it"),
    ("inboxes.risk", 'slack = { url = { env = "BARE_URL" } }\ndetail = "full"', "detail", 'inboxes.risk.detail: "full" sends whole texts, and slack is not a named host over TLS; write detail = "redacted", or an https:// address with a domain name'),
    # Appetite, risks, digest
    ("appetite", "notify = 16", "[appetite]", "appetite.urgent: is lower than notify, so that nothing would ever be told without hurry; write at least 16, at most 25"),
    ("appetite", "urgent = 26", "urgent", "appetite.urgent: is out of range; must be less than or equal to 25"),
    ("appetite", "notify = nan", "notify", "appetite.notify: must be a number; write for example 2.5"),
    ("risks.threat_to_stuff", 'ack_within = "15m"', "[risks.threat_to_stuff]", "risks.threat_to_stuff: no risk class is called 'threat_to_stuff'; did you mean 'threat_to_staff'?"),
    ("risks.threat_to_staff", 'inboxes = ["director"]', "inboxes", "risks.threat_to_staff.inboxes[0]: nobody has the inbox 'director'; there are: compliance, marketing, risk, security"),
    ("digest", 'inboxes = ["staff"]', "inboxes", "digest.inboxes[0]: nobody has the inbox 'staff'; there are: compliance, marketing, risk, security"),
    # Rules
    ("rules.low", 'stars_below = 3\ninboxes = ["market"]', "inboxes", "rules.low.inboxes[0]: nobody has the inbox 'market'; did you mean 'marketing'?"),
    ("rules.low", "stars_below = 3", "[rules.low]", "rules.low.inboxes: is missing; add it"),
    ("rules.low", 'stars_below = 1\ninboxes = ["risk"]', "stars_below", "rules.low.stars_below: can never hold: stars run from 1 to 5; write for example 3"),
    ("rules.low", 'stars_below = 6\ninboxes = ["risk"]', "stars_below", "rules.low.stars_below: is no limit: stars run from 1 to 5; write for example 3"),
    ("rules.low", 'stars_below = 3\nkinds = ["post"]\ninboxes = ["risk"]', "stars_below", 'rules.low.stars_below: can never hold: only reviews have stars; add "review" to kinds'),
    ("rules.low", 'stars_below = 3\nours = true\ninboxes = ["risk"]', "stars_below", "rules.low.stars_below: can never hold: what we say ourselves has no stars; leave ours out"),
    ("rules.low", 'kinds = ["reviews"]\ninboxes = ["risk"]', "kinds", "rules.low.kinds[0]: 'reviews' is not known; write one of 'post', 'comment', 'review' or 'article'"),
    ("rules.low", 'kinds = ["review"]\nours = true\ninboxes = ["risk"]', "ours", 'rules.low.ours: can never hold: what we say is a post or a comment; write kinds = ["post", "comment"]'),
    ("rules.low", 'sentiment_below = -1\ninboxes = ["risk"]', "sentiment_below", "rules.low.sentiment_below: can never hold: sentiment runs from -1 to 1; write for example -0.2"),
    ("rules.low", 'risk_at_least = 26\ninboxes = ["risk"]', "risk_at_least", "rules.low.risk_at_least: is out of range; must be less than or equal to 25"),
    ("rules.low", 'count = 0\ninboxes = ["risk"]', "count", "rules.low.count: is out of range; must be greater than or equal to 1"),
    ("rules.low", 'count = 5\ninboxes = ["risk"]', "[rules.low]", 'rules.low.within: is missing, and count is 5; write for example within = "7d"'),
    ("rules.low", 'unanswered_for = "48h"\nwithin = "24h"\ninboxes = ["risk"]', "unanswered_for", "rules.low.unanswered_for: can never hold: it is not shorter than within; make within longer"),
    ("rules.low", 'unanswered_for = "48h"\nours = true\ninboxes = ["risk"]', "unanswered_for", "rules.low.unanswered_for: can never hold together with ours = true; leave one of them out"),
    ("rules.low", 'inboxes = ["risk"]', "[rules.low]", "rules.low: has no condition: every mention would be an incident; add for example stars_below = 3"),
    ("rules.low", 'sources = ["newz"]\ninboxes = ["risk"]', "sources", "rules.low.sources: no source is called 'newz'; did you mean 'news'?"),
    ("rules.low", 'risk = "threats"\ninboxes = ["risk"]', "risk", "rules.low.risk: no risk class is called 'threats'; did you mean 'threat_to_staff'?"),
    ("rules.low", 'stars_below = 3\ngroup_by = ["locaton"]\ninboxes = ["risk"]', "group_by", "rules.low.group_by[0]: no label of a source or topic is called 'locaton'; did you mean 'location'?"),
    ("rules.threat_to_staff", 'stars_below = 3\ninboxes = ["risk"]', "[rules.threat_to_staff]", "rules.threat_to_staff: 'threat_to_staff' is the name of a built-in rule; change that one under [risks.threat_to_staff], or choose another name"),
    ("rules.low", 'surge = "much"\ninboxes = ["risk"]', "surge", "rules.low.surge: 'much' is not known; write one of 'low', 'medium' or 'high'"),
    ("rules.low", 'surge = "medium"\ninboxes = ["risk"]\ncount = 5\nwithin = "7d"', "count", "rules.low.count: stands beside surge, which finds its own counts and spans; leave count out"),
    ("rules.low", 'surge = "medium"\ninboxes = ["risk"]\nwithin = "7d"', "within", "rules.low.within: stands beside surge, which finds its own counts and spans; leave within out"),
    ("rules.low", 'surge = "medium"\ninboxes = ["risk"]\nunanswered_for = "2d"', "unanswered_for", "rules.low.unanswered_for: stands beside surge, which finds its own counts and spans; leave unanswered_for out"),
    ("rules.low", 'slump = "much"\ninboxes = ["risk"]', "slump", "rules.low.slump: 'much' is not known; write one of 'low', 'medium' or 'high'"),
    ("rules.low", 'surge = "low"\nslump = "low"\ninboxes = ["risk"]', "slump", "rules.low.slump: stands beside surge: a rule asks for one of them; make two rules of it"),
    ("rules.low", 'slump = "low"\nstars_below = 3\ninboxes = ["risk"]', "stars_below", "rules.low.stars_below: stands beside slump, which weighs all stars of its window; leave stars_below out"),
    ("rules.low", 'slump = "low"\nunanswered_for = "2d"\ninboxes = ["risk"]', "unanswered_for", "rules.low.unanswered_for: stands beside slump, which weighs all stars of its window; leave unanswered_for out"),
    ("rules.low", 'slump = "low"\nkinds = ["post"]\ninboxes = ["risk"]', "slump", 'rules.low.slump: can never hold: only reviews have stars; add "review" to kinds'),
    ("rules.low", 'slump = "low"\nours = true\ninboxes = ["risk"]', "slump", "rules.low.slump: can never hold: what we say ourselves has no stars; leave ours out"),
    ("rules.low", 'negative_share = 1.0\ninboxes = ["risk"]', "negative_share", "rules.low.negative_share: is out of range; must be less than 1"),
    ("rules.low", 'negative_share = 0.0\ninboxes = ["risk"]', "negative_share", "rules.low.negative_share: is out of range; must be greater than 0"),
    ("rules.low", 'negative_share = 0.4\nsentiment_below = 0\ninboxes = ["risk"]', "sentiment_below", "rules.low.sentiment_below: stands beside negative_share, which weighs all moods of its window; leave sentiment_below out"),
    ("rules.low", 'at_odds = true\nkinds = ["post"]\ninboxes = ["risk"]', "at_odds", 'rules.low.at_odds: can never hold: only reviews have stars; add "review" to kinds'),
    ("rules.low", 'at_odds = true\nours = true\ninboxes = ["risk"]', "at_odds", "rules.low.at_odds: can never hold: what we say ourselves has no stars; leave ours out"),
    ("rules.low", 'at_odds = false\ninboxes = ["risk"]', "[rules.low]", "rules.low: has no condition: every mention would be an incident; add for example stars_below = 3"),
    # Voice
    ("voice.words", "avoid = []", "avoid", "voice.words.avoid: is an empty list; name at least one or leave the key out"),
    ("voice.words", 'say = "modern"', "[voice.words]", "voice.words: asks for nothing; write avoid, needs or approval"),
    ("voice.words", 'avoid = ["edge"]\nneeds = "Ask your doctor."', "needs", "voice.words.needs: stands beside avoid: a rule asks for one thing; make two rules of it"),
    ("voice.words", 'avoid = ["?"]', "avoid", "voice.words.avoid[0]: '?' has no word to look for; write words without quotes, such as for*"),
    ("voice.words", 'needs = "Ask us."\nsay = "modern"', "say", "voice.words.say: says what to write instead of nothing; name the words under avoid"),
    ("voice.words", 'needs = "Ask us."\nabout = "flu"\ntopic = "main"', "topic", "voice.words.topic: stands beside about; keep one of them"),
    ("voice.words", 'needs = "Ask us."\ntopic = "mian"', "topic", "voice.words.topic: no topic is called 'mian'; did you mean 'main'?"),
    ("voice.words", 'approval = "MLR"', "approval", 'voice.words.approval: has no place for a number; write # for a digit and @ for a letter, such as "MLR-####"'),
    ("voice.words", 'avoid = ["edge"]\nkinds = ["review"]', "kinds", 'voice.words.kinds: can never hold: what we say is a post or a comment; write kinds = ["post", "comment"]'),
    ("voice.words", 'avoid = ["edge"]\nlevel = "urgent"', "level", "voice.words.level: 'urgent' is not known; write one of 'info' or 'warning'"),
    ("voice.words", 'avoid = ["edge"]\nabut = "flu"', "abut", "voice.words.abut: 'abut' is not a key here; did you mean 'about'?"),
]  # fmt: skip


@pytest.mark.parametrize(("section", "changed", "named", "sentence"), MISTAKES)
def test_a_mistake_is_told_in_one_sentence_with_its_line(tmp_path, section, changed, named, sentence):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, {section: changed})
    numbers = [number for number, line in enumerate(_lines(tmp_path), start=1) if named and line.startswith(named)]
    where = f"{tmp_path}/config.toml" + (f":{numbers[-1]}" if numbers else "")
    assert str(caught.value) == f"{where}: {sentence.replace('<folder>', str(tmp_path))}"
    assert "hunter2" not in str(caught.value)


def _lines(folder: Path) -> list[str]:
    return (folder / "config.toml").read_text().splitlines()


def test_the_table_of_mistakes_names_each_line_it_promises():
    promised = [(section, changed, named) for section, changed, named, _ in MISTAKES if named]
    for section, changed, named in promised:
        assert any(line.startswith(named) for line in written({section: changed}).splitlines()), named


def test_what_the_small_configuration_says_is_no_mistake(tmp_path):
    assert read(tmp_path).organisation == "Practice Hospital"


def test_a_query_that_does_not_parse_is_told_with_its_place(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, {"topics.main": "query = '(hospital OR'"})
    (mistake,) = caught.value.mistakes
    assert mistake.key == "topics.main.query"
    assert mistake.wrong.startswith("the query does not parse (column 11: ")


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path):
    changes = {
        "": 'timezone = "Mars"\ndatbase = "x"',
        "smtp": "-host",
        "sources.news": 'every = "15x"\ntopics = ["mian"]\noptions = { token = "hunter2", pages = "many" }',
        "inboxes.marketing": "email = []",
        "inboxes.risk": 'escalate = [{ after = "30m", to = "compliance" }]',
        "rules.low": 'stars_below = 1\ncount = "5"\nkinds = ["post"]\ninboxes = ["nobody"]',
    }
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, changes)
    assert [mistake.key for mistake in caught.value.mistakes] == [
        "timezone",
        "datbase",
        "smtp.host",
        "sources.news.every",
        "sources.news.topics[0]",
        "sources.news.options.pages",
        "sources.news.options.token",
        "sources.news.options.url",
        "inboxes.marketing.email",
        "inboxes.risk.escalate",
        "rules.low.stars_below",
        "rules.low.stars_below",
        "rules.low.count",
        "rules.low.inboxes[0]",
    ]
    assert len(str(caught.value).splitlines()) == 14


def test_a_mistake_in_one_table_does_not_make_its_name_unknown(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, {"topics.main": "-query", "inboxes.risk": 'detail = "some"', "digest": 'inboxes = ["risk"]'})
    assert [mistake.key for mistake in caught.value.mistakes] == ["topics.main.query", "inboxes.risk.detail"]


def test_an_unknown_connector_is_told_with_those_that_are_installed(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, {"sources.news": 'connector = "gazete"'})
    (mistake,) = caught.value.mistakes
    assert (mistake.key, mistake.wrong) == ("sources.news.connector", "no connector is called 'gazete'")
    assert mistake.right


def test_a_chain_that_comes_back_later_is_told_for_every_inbox_in_it(tmp_path):
    steps = 'escalate = [{{ after = "30m", to = "{}" }}]'
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, {"inboxes.risk": steps.format("marketing"), "inboxes.marketing": steps.format("risk")})
    assert [mistake.wrong for mistake in caught.value.mistakes] == [
        "goes round in a circle (marketing -> risk -> marketing)",
        "goes round in a circle (risk -> marketing -> risk)",
    ]


def test_an_inbox_with_an_address_needs_a_mail_server(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, {"smtp": "-"})
    wrong = [f"{mistake.key}: {mistake.wrong}; {mistake.right}" for mistake in caught.value.mistakes]
    right = "needs a mail server; add [smtp] with host and from"
    assert wrong == [f"inboxes.marketing.email: {right}", f"inboxes.risk.email: {right}"]


def test_whole_texts_do_not_leave_over_an_open_line_even_on_this_machine(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, {"smtp": 'host = "localhost"\nsecurity = "none"', "inboxes.risk": 'detail = "full"'})
    assert [mistake.key for mistake in caught.value.mistakes] == ["inboxes.risk.detail"]


def test_a_rule_on_sources_that_are_all_switched_off_is_refused(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, {"sources.news": "enabled = false", "rules.low": 'sources = ["news"]\ninboxes = ["risk"]'})
    assert str(caught.value).endswith(
        "rules.low.sources: can never hold: none of these sources is enabled; enable one of them"
    )


def test_a_rule_on_the_source_of_a_competitor_is_refused(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, {"sources.news": 'peer = "Elm Clinic"', "rules.low": 'sources = ["news"]\ninboxes = ["risk"]'})
    assert str(caught.value).endswith(
        "rules.low.sources: 'news' watches a competitor, of whom nobody is ever told; take it out of the rule"
    )


@pytest.mark.parametrize(
    ("content", "line", "wrong"),
    [
        (b"organisation = Practice", 1, "this is not TOML (invalid value)"),
        (b'a = "1"\nb = [1, 2\nc = 3\n', 3, "this is not TOML (unclosed array)"),
        (b"a = 1\na = 2", 2, "this is not TOML (cannot overwrite a value)"),
        (b"a = " + b"9" * 5000, None, "this is not TOML (a number is too large)"),
        (b"a = " + b"[" * 20000, None, "this is not TOML (lists or tables are nested too deeply)"),
        (b'organisation = "\xff"', None, "is not UTF-8 text (byte 16)"),
    ],
)
def test_a_file_that_is_no_toml_is_told_with_its_line(tmp_path, content, line, wrong):
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(path, environ={}, connectors=connectors)
    (mistake,) = caught.value.mistakes
    assert (mistake.line, mistake.wrong) == (line, wrong)


def test_a_file_that_is_not_there_says_where_it_looked_and_how_to_start(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "config.toml", environ={})
    right = "start with: cp config.example.toml config.toml, or name another with --config"
    assert str(caught.value) == f"{tmp_path}/config.toml: there is no file {tmp_path}/config.toml; {right}"


def test_a_directory_is_no_configuration(tmp_path):
    with pytest.raises(ConfigError, match="is not a file"):
        load(tmp_path, environ={})


def test_an_empty_file_says_all_that_is_needed(tmp_path):
    path = tmp_path / "config.toml"
    path.touch()
    with pytest.raises(ConfigError) as caught:
        load(path, environ={})
    assert [mistake.key for mistake in caught.value.mistakes] == ["inboxes.marketing", "inboxes.risk", "organisation"]


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff\xfe", "is not text"),
        (b"x" * 70_000, "is larger than 64 kB"),
    ],
)
def test_a_file_that_holds_no_secret_is_told(tmp_path, content, wrong):
    hidden = tmp_path / "hidden"
    hidden.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, {"inboxes.risk": 'slack = { url = { file = "hidden" } }'})
    (mistake,) = caught.value.mistakes
    assert mistake.wrong == f"{hidden} {wrong}"


def test_a_mistake_is_one_line_whatever_the_file_holds(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, {"smtp": 'ca_file = "a\\nb\\u001b[31m"', "topics.main": '"odd\\nkey" = 1'})
    first, second = str(caught.value).splitlines()
    assert first.endswith(f"smtp.ca_file: there is no file {tmp_path}/a?b?[31m; correct the path")
    assert second.endswith(r"topics.main.'odd\nkey': 'odd\nkey' is not a key here; there are: labels, query")


def test_a_path_that_is_too_long_is_a_mistake_and_no_crash(tmp_path):
    long = "a" * 5000
    changes = {"smtp": f'ca_file = "{long}"', "inboxes.risk": f'slack = {{ url = {{ file = "{long}" }} }}'}
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, changes)
    assert [mistake.key for mistake in caught.value.mistakes] == ["smtp.ca_file", "inboxes.risk.slack.url"]


def test_no_mistake_repeats_a_secret(tmp_path):
    (tmp_path / "hidden").write_text("canary-in-a-file")
    changes = {
        "": 'timezone = "Mars"\nheartbeat = { file = "hidden" }\ndatabase = "oracle://canary-plain@db.example/x"',
        "smtp": 'username = 5\npassword = { env = "SMTP_PASSWORD" }',
        "sources.news": 'options = { url = { env = "NEWS_TOKEN" }, token = "canary-plain", pages = "canary-plain" }',
        "sources.older": 'connector = "gazette"\noptions = { url = "http://u:canary-plain@news.example/?k=canary-plain" }',
        "inboxes.risk": 'webhook = { url = { env = "SMTP_PASSWORD" }, secret = "canary-plain" }\nslack = "canary-plain"',
    }
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, changes)
    assert len(caught.value.mistakes) == 11
    assert "canary" not in str(caught.value) + repr(caught.value) + repr(caught.value.mistakes)
    assert caught.value.__context__ is None
    assert all(value not in str(caught.value) for value in ENVIRON.values() if value.strip())
