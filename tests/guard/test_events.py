"""The stream of events holds what is about what one may read."""

from __future__ import annotations

import asyncio
import json

import pytest
from people import Person, allowing


@pytest.fixture
def be(serve):
    """Run a server on which ann sees everything, and rita a part of it."""
    be = serve(
        roles=[
            allowing("*", users=["ann"], name="ann"),
            allowing("read:contents!path=open/**", users=["rita"], name="rita"),
        ]
    )
    be.write(open__x_txt="x", open__end_txt="x", secret__x_txt="x")
    return be


async def test_events_are_about_what_one_may_read(be):
    """Files by both their names, kernels by whose they are; the rest for all."""
    ann, rita = be("ann"), be("rita")
    streams = {one: await one.connect("api/events/subscribe") for one in (ann, rita)}
    for method, path, body in (
        ("GET", "api/contents/secret/x.txt", None),
        ("PATCH", "api/contents/secret/x.txt", {"path": "open/y.txt"}),
        ("GET", "api/contents/open/x.txt", None),
    ):
        assert await ann.status(method, path, body) == 200
    kernel = (await ann.json("POST", "api/kernels", {}))["id"]
    assert await ann.status("DELETE", f"api/kernels/{kernel}") == 204
    assert await ann.status("GET", "api/contents/open/end.txt") == 200
    seen = {}
    for one, stream in streams.items():
        seen[one] = []
        while not seen[one] or seen[one][-1].get("path") != "open/end.txt":
            seen[one].append(json.loads(await asyncio.wait_for(stream.read_message(), 10)))
        stream.close()
        while await stream.read_message() is not None:
            pass
    assert {event.get("path") for event in seen[rita]} <= {
        "open/x.txt",
        "open/y.txt",
        "open/end.txt",
    }
    assert not any("kernel_id" in event or "secret" in str(event) for event in seen[rita])
    assert any(event.get("path") == "open/x.txt" for event in seen[rita])
    assert any("kernel_id" in event for event in seen[ann])
    assert any(event.get("source_path") == "secret/x.txt" for event in seen[ann])


async def test_who_they_are_now_counts(be):
    """Also for a stream that is open, and for what is named deep inside."""
    rita = await be("rita").connect("api/events/subscribe")
    (handler,) = be.guard.connections._open
    written = []
    handler.write_message = written.append
    hidden = {"action": "create", "fork_info": {"path": "secret/x.txt"}}
    await handler.event_listener(None, "a", hidden)
    await handler.event_listener(None, "a", {"path": "open/x.txt"})
    assert [json.loads(text)["path"] for text in written] == ["open/x.txt"]
    handler.authz_user = Person(username="dan")
    await handler.event_listener(None, "a", {"path": "open/x.txt"})
    assert len(written) == 1
    rita.close()
    while await rita.read_message() is not None:
        pass
