"""Start Superset with what the project shows: in Superset's own environment, whose Python runs this file.

Reads the assets as JSON from standard input, `{path: text of the file}` as `dashboards.assets.bundle` makes them.

Belongs here: what Superset's own Python has to do. Does not: what is shown (`../assets`), secrets and paths
(`dagster_project.superset_command`).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import warnings
from typing import Any

warnings.filterwarnings("ignore")  # of Superset's libraries about each other
USER = "admin"


def prepared_app(assets: dict[str, str], password: str) -> Any:
    """Superset with its tables, its user and the project's assets; what is there already stays or is renewed."""
    logging.disable(logging.WARNING)  # Superset speaks of tables that a first start has not made yet
    with contextlib.redirect_stdout(sys.stderr):
        from superset.app import create_app

        app = create_app()
        with app.app_context():
            import flask_migrate
            from superset import appbuilder, db, security_manager
            from superset.commands.importers.v1.assets import ImportAssetsCommand
            from superset.utils.core import override_user

            flask_migrate.upgrade()
            app.sync_config_to_db()
            appbuilder.add_permissions(update_perms=True)
            security_manager.sync_role_definitions()
            user = security_manager.find_user(USER)
            if user is None:
                role = security_manager.find_role("Admin")
                user = security_manager.add_user(USER, "Lifecycle", "Admin", f"{USER}@localhost", role, password)
            else:
                security_manager.reset_password(user.id, password)
            with override_user(user):
                ImportAssetsCommand(assets).run()
            db.session.commit()
            db.session.remove()
            db.engine.dispose()  # no connection is shared with the process that answers
    logging.disable(logging.NOTSET)
    return app


def serve(app: Any, port: int) -> None:
    """Answer on this machine until stopped."""
    from gunicorn.app.base import BaseApplication

    class Server(BaseApplication):
        def load_config(self) -> None:
            # One process, so that a page's queries share what it has loaded; threads, because a page asks many at once.
            settings = {"bind": f"127.0.0.1:{port}", "workers": 1, "worker_class": "gthread", "threads": 8}
            for name, value in {**settings, "timeout": 120, "graceful_timeout": 2, "loglevel": "warning"}.items():
                self.cfg.set(name, value)
            self.cfg.set("when_ready", lambda _: print(f"Superset answers at http://127.0.0.1:{port}", flush=True))

        def load(self) -> Any:
            return app

    sys.argv = sys.argv[:1]
    Server().run()


if __name__ == "__main__":
    serve(prepared_app(json.load(sys.stdin), os.environ.pop("SUPERSET_PASSWORD")), int(os.environ["SUPERSET_PORT"]))
