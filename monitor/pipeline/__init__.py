"""The line from a poll to an inbox; its parts, in order: poll, ingest, judge, deliver, and once a week the digest. Beside
it, what the platforms' terms ask: recheck and retain."""

from monitor.pipeline.deliver import deliver
from monitor.pipeline.ingest import ingest
from monitor.pipeline.judge import judge
from monitor.pipeline.line import Line
from monitor.pipeline.poll import poll, poll_due
from monitor.pipeline.recheck import recheck_due
from monitor.pipeline.report import report
from monitor.pipeline.retain import rescore, retain

__all__ = ["Line", "deliver", "ingest", "judge", "poll", "poll_due", "recheck_due", "report", "rescore", "retain"]
