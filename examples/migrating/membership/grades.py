"""A small extension of one's own: grades, which teachers see and heads change."""

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join

from jupyter_authz import requires_membership

GRADES = {"bob": 2}


class Grades(APIHandler):
    """All grades."""

    @requires_membership("teacher")  # teacher/physics is one, too
    def get(self):
        """Give them."""
        self.finish({"grades": GRADES})

    @requires_membership("teacher/heads", "manager")  # either of them
    def put(self):
        """Change some."""
        GRADES.update(self.get_json_body())
        self.finish({"grades": GRADES})


def _jupyter_server_extension_points():
    return [{"module": "grades"}]


def _load_jupyter_server_extension(server):
    path = url_path_join(server.web_app.settings["base_url"], "api/grades")
    server.web_app.add_handlers(".*$", [(path, Grades)])
