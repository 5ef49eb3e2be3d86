"""The suite that every connector passes."""

from monitor.connector import Secret
from monitor.testing import ConnectorContract, Traffic
from wellheard_forum import Forum


class TestForum(ConnectorContract):
    connector = Forum
    options = {"url": "https://forum.example", "board": "health", "token": Secret("not-to-be-seen")}

    def raw(self, said):
        return {"id": str(said.n), "created": said.arrived_at.isoformat(), "body": said.text}

    def serve(self, items):
        return Traffic(("https://forum.example/api/posts", {"posts": items}))
