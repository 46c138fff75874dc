"""How Superset runs here: on this machine alone, asking nobody outside, and never with figures of yesterday.

Superset imports this file by its name and reads the variables that `serve` was started with. Belongs here: Superset's
settings. Does not: what is shown (`../assets`), starting it (`serve`).
"""

from __future__ import annotations

import os
from pathlib import Path

from superset.utils.log import AbstractEventLogger

HOME = Path(os.environ["SUPERSET_HOME"])

SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]
# Dashboards, charts and users that people add in Superset; what the project brings is imported anew at each start.
SQLALCHEMY_DATABASE_URI = f"sqlite:///{HOME / 'superset.sqlite'}"

APP_NAME = "Customer lifecycle"
LOGO_TARGET_PATH = "/dashboard/list/"
UPLOAD_FOLDER = str(HOME / "uploads")
LOG_LEVEL = "WARNING"


class Silent(AbstractEventLogger):
    """Who looked at what when is nobody's business, and would fill the metadata."""

    def log(self, *args: object, **kwargs: object) -> None:
        pass


EVENT_LOGGER = Silent()

# A refresh that is published shows at the next query: no answer is kept. That is Superset's default too.
DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}

# ---- nothing leaves the machine: the browser asks no map, font or counter, whatever a page contains
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'", "data:"],
        "script-src": ["'self'", "'strict-dynamic'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'self'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}
ENABLE_CORS = False
FAB_API_SWAGGER_UI = False
SESSION_COOKIE_SAMESITE = "Strict"

# ---- colours that people tell apart whatever their colour vision: Okabe and Ito (2008), without the yellow, which is
# too pale on white
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#7F7F7F", "#1B3A57"]
EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {"id": "told_apart", "label": "Told apart by everyone", "description": "", "isDefault": True, "colors": COLOURS}
]
EXTRA_SEQUENTIAL_COLOR_SCHEMES = [
    {
        "id": "light_to_dark",
        "label": "Light to dark blue",
        "description": "",
        "isDiverging": False,
        "isDefault": True,
        # light enough for the figures that stand in the cells
        "colors": ["#F4F8FB", "#DCEAF5", "#BAD7EC", "#93C2E2", "#6FAFD8"],
    }
]
CURRENCIES = ["EUR", "USD", "GBP", "CHF", "CAD", "AUD", "JPY"]
