"""Which row a handler falls under: only what is known of this very class counts."""

from __future__ import annotations

import json

import pytest
from jupyter_server.base.handlers import APIHandler
from jupyter_server.services.contents.handlers import ContentsHandler
from people import allowing
from tornado.httpclient import HTTPClientError
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

from jupyter_authz.errors import ResourceTableError
from jupyter_authz.resources.registry import read_resources, table_of
from jupyter_authz.resources.table import unclassified


def made(name, bases, module="reports.handlers", **members):
    """Make a handler class of another package."""
    return type(name, bases, {"__module__": module, **members})


@pytest.fixture(scope="module")
def table():
    """Give the table without additions."""
    return table_of(read_resources({}))


def kind(table, handler, package="loader"):
    """Give the type of the verb question of a handler."""
    return table.find(handler, package).type


# ---------------------------------------------------------------------- auth_resource


def test_an_unknown_handler_is_its_packages_own(table):
    """Nobody has classified it: `execute` on the package that registered the route."""
    handler = made("Handler", (APIHandler,))
    row = table.find(handler, "loader")
    assert row.type == "ext.loader"
    for verb in ("GET", "POST", "OPTIONS", "WS", "BREW"):
        assert [(ask.action, ask.type) for ask in row.asked(verb)] == [("execute", "ext.loader")]


def test_an_own_label_opts_in(table):
    """A handler whose package gives it `auth_resource` asks as Jupyter Server would."""
    row = table.find(made("Handler", (APIHandler,), auth_resource="reports"), "loader")
    assert row.type == "reports"
    assert [ask.action for ask in row.asked("GET")] == ["read"]
    assert [ask.action for ask in row.asked("HEAD")] == ["read"]
    assert [ask.action for ask in row.asked("DELETE")] == ["write"]
    assert [ask.action for ask in row.asked("WS")] == ["execute"]
    assert [ask.action for ask in row.asked("BREW")] == ["write", "execute"]


def test_a_label_of_the_same_package_opts_in(table):
    """The label may stand at a base class of the same package."""
    base = made("Base", (APIHandler,), module="reports.base", auth_resource="reports")
    assert kind(table, made("Handler", (base,))) == "reports"


def test_an_inherited_label_counts_for_nothing(table):
    """A label from another package says nothing about what this handler does."""
    other = made("Base", (APIHandler,), module="other.base", auth_resource="contents")
    assert kind(table, made("Handler", (other,))) == "ext.loader"
    assert kind(table, made("Handler", (ContentsHandler,))) == "ext.loader"
    # `reports2` is not `reports`.
    near = made("Base", (APIHandler,), module="reports2", auth_resource="contents")
    assert kind(table, made("Handler", (near,))) == "ext.loader"


@pytest.mark.parametrize("label", [None, "", 7, ["contents"], property(lambda self: "contents")])
def test_a_label_that_is_none(table, label):
    """Only a name is a label."""
    assert kind(table, made("Handler", (APIHandler,), auth_resource=label)) == "ext.loader"


def test_a_subclass_within_the_package_has_the_row(table):
    """Jupyter's own subclasses of a listed handler are listed; others' are not."""
    own = made("Contents", (ContentsHandler,), module="jupyter_server.services.contents.more")
    assert kind(table, own) == "contents"
    assert kind(table, made("Contents", (ContentsHandler,))) == "ext.loader"


def test_a_class_without_a_module_is_unknown(table):
    """Where a class comes from must be known for it to be anything."""
    assert kind(table, made("Handler", (ContentsHandler,), module=None)) == "ext.loader"


def test_unclassified_rows_ask_for_the_address():
    """The address below the base URL, so that a policy may tell them apart."""
    assert unclassified("a").every[0].url is not None


# ---------------------------------------------------------------------- the operator's table


class Report(RequestHandler):
    """A handler of nobody's package."""

    def get(self, path="", number=""):
        self.write({"path": path})

    def post(self, path="", number=""):
        self.write({"path": path})

    def check_xsrf_cookie(self):
        """Take anything."""


class Live(WebSocketHandler):
    """A websocket of nobody's package."""

    def open(self, *args):
        self.write_message("open")


NAME = f"{Report.__module__}.Report"
LIVE = f"{Live.__module__}.Live"


async def test_resources_of_the_operator(serve):
    """The operator says what the handlers of other packages ask."""
    be = serve(
        roles=[allowing("read:contents!path=a/**", "write:reports!name=x")],
        resources={
            NAME: {"type": "contents", "path": 0, "actions": {"POST": ["read", "write"]}},
            LIVE: {"type": "reports", "name": 0, "actions": {"WS": "write"}},
        },
    )
    be.add((r"report/(.*)", Report), (r"live/(.*)", Live))
    ann = be("ann")
    assert await ann.status("GET", "report/a/b") == 200
    assert await ann.status("GET", "report/b") == 403
    assert await ann.status("GET", "report/a/../b") == 403
    assert await ann.status("POST", "report/a/b", "") == 403
    assert await ann.status("BREW", "report/a/b") == 403
    (await ann.connect("live/x")).close()
    with pytest.raises(HTTPClientError):
        await ann.connect("live/y")


async def test_a_group_of_the_pattern_by_name(serve):
    """Groups may have names."""
    be = serve(
        roles=[allowing("read:contents!path=a")],
        resources={NAME: {"type": "contents", "path": "path"}},
    )
    be.add((r"report/(?P<path>.*)", Report))
    assert await be("ann").status("GET", "report/a") == 200
    assert await be("ann").status("GET", "report/b") == 403


async def test_a_group_that_is_not_there_is_the_root(serve):
    """A source that finds nothing matches no path but the root's."""
    be = serve(
        roles=[allowing("read:contents!path=a/**")],
        resources={NAME: {"type": "contents", "path": "elsewhere"}},
    )
    be.add((r"report/(?P<path>.*)", Report))
    assert await be("ann").status("GET", "report/a") == 403


async def test_the_operator_counts_before_core(serve):
    """Also for handlers that are known."""
    be = serve(
        roles=[allowing("read:news")],
        base_permissions=[],
        resources={"jupyter_server.services.api.handlers.APIStatusHandler": {"type": "news"}},
    )
    assert await be("ann").status("GET", "api/status") == 200


async def test_extensions_by_address(serve):
    """A permission for a package may name the address."""
    be = serve(roles=[allowing("execute:ext.people!url=report/a/**")])
    be.add((r"report/(.*)", Report))
    assert await be("ann").status("GET", "report/a/b") == 200
    assert await be("ann").status("POST", "report/a/b", "") == 200
    assert await be("ann").status("GET", "report/b") == 403
    assert await be("ann").status("GET", "report/a/%2e%2e/b") == 403
    assert await be("ann").status("GET", "report/a%2F..%2Fb") == 403


async def test_unknown_handlers_must_be_named(serve):
    """A permission without types does not reach them; only `*` does."""
    be = serve(
        roles=[
            allowing("read,write,execute", users=["ann"]),
            allowing("*", name="b", users=["bob"]),
        ]
    )
    be.add((r"report/(.*)", Report))
    assert await be("ann").status("GET", "report/a") == 403
    assert await be("bob").status("GET", "report/a") == 200


# ---------------------------------------------------------------------- packages' own tables


class Point:
    """An entry point."""

    def __init__(self, name, value):
        self.name = name
        self.value = value

    def load(self):
        """Give what it stands for."""
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


@pytest.fixture
def published(monkeypatch):
    """Let packages publish tables."""

    def publish(**tables):
        points = [Point(name, value) for name, value in tables.items()]
        monkeypatch.setattr(
            "jupyter_authz.resources.registry.entry_points",
            lambda group: points if group == "jupyter_authz.resources" else [],
        )

    return publish


async def test_packages_publish_their_tables(serve, published):
    """And their types can be named in the policy."""
    published(reports={NAME: {"type": "reports", "name": 0}})
    be = serve(roles=[allowing("read:reports!name=x")])
    be.add((r"report/(.*)", Report))
    assert await be("ann").status("GET", "report/x") == 200
    assert await be("ann").status("GET", "report/y") == 403


def test_the_operators_table_counts_before_a_packages(published):
    """Whoever runs the server has the last word."""
    published(reports={NAME: {"type": "reports"}})
    found = table_of(read_resources({NAME: {"type": "contents"}})).find(Report, "x")
    assert found.type == "contents"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (ImportError("not there"), "'reports'.*cannot be loaded: not there"),
        ([], "'reports'.*expected a dict"),
        ({NAME: {}}, "'reports'.*expected 'type'"),
    ],
)
def test_a_wrong_table_of_a_package_stops_the_server(published, value, said):
    """It would leave handlers without their questions."""
    published(reports=value)
    with pytest.raises(ResourceTableError, match=said):
        read_resources({})


WRONG = [
    ([], "expected a dict"),
    ({7: {"type": "contents"}}, "expected 'package.module.Handler'"),
    ({"Handler": {"type": "contents"}}, "expected 'package.module.Handler'"),
    ({"a.B": "contents"}, "expected a dict with 'type'"),
    ({"a.B": {}}, "expected 'type'"),
    ({"a.B": {"type": 7}}, "expected 'type'"),
    ({"a.B": {"type": ""}}, "expected 'type'"),
    ({"a.B": {"type": "two words"}}, "expected 'type'"),
    ({"a.B": {"type": "compute"}}, "expected 'type'"),
    ({"a.B": {"type": "contents", "paht": 0}}, "unknown key 'paht'"),
    ({"a.B": {"type": "contents", "path": None}}, "expected 'path'"),
    ({"a.B": {"type": "contents", "path": True}}, "expected 'path'"),
    ({"a.B": {"type": "contents", "name": 0}}, "resources of type 'contents' have no 'name'"),
    ({"a.B": {"type": "ext.b", "path": 0}}, "resources of type 'ext.b' have no 'path'"),
    ({"a.B": {"type": "contents", "actions": []}}, "expected 'actions'"),
    ({"a.B": {"type": "contents", "actions": {"get": "read"}}}, "unknown verb 'get'"),
    ({"a.B": {"type": "contents", "actions": {"GET": "reed"}}}, "unknown action 'reed'"),
    ({"a.B": {"type": "contents", "actions": {"GET": []}}}, "expected an action for 'GET'"),
    ({"a.B": {"type": "contents", "actions": {"GET": None}}}, "expected an action for 'GET'"),
]


@pytest.mark.parametrize(("value", "said"), WRONG, ids=[str(value) for value, _ in WRONG])
def test_mistakes_in_resources(value, said):
    """Each names the handler, quotes what is wrong and says what was expected."""
    with pytest.raises(ResourceTableError, match=said) as error:
        read_resources(value)
    if isinstance(value, dict):
        assert repr(next(iter(value))) in str(error.value)


def test_json_is_enough():
    """A table can be written in JSON."""
    value = json.loads('{"a.B": {"type": "reports", "path": 0, "actions": {"GET": ["read"]}}}')
    additions = read_resources(value)
    assert additions.types == {"reports": ("path",)}
