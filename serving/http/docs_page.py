"""/docs: Swagger UI, with its files served by the API: a browser may have no access to the internet."""

from __future__ import annotations

from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

PAGE, ASSETS = "/docs", "/docs/assets"
# The package is used for its files only: its own function would build a plain FastAPI app.
_FILES = Path(fastapi_offline.__file__).parent / "static"


def install(app: FastAPI) -> None:
    """Serve the page and the files that it names; the app's own ``docs_url`` is None."""
    page = get_swagger_ui_html(
        openapi_url=f".{app.openapi_url}",  # relative, so that a proxy may put a prefix before all paths
        title=app.title,
        swagger_js_url=f".{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f".{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f".{ASSETS}/favicon.png",
    )

    @app.get(PAGE, include_in_schema=False)
    async def docs() -> HTMLResponse:
        return page

    app.mount(ASSETS, StaticFiles(directory=_FILES), name="docs-assets")
