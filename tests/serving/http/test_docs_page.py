from __future__ import annotations

import asyncio
import re
from urllib.parse import urljoin

import httpx

from tests.serving.conftest import Client


def test_the_documentation_page_loads_nothing_from_other_servers(api: Client) -> None:
    async def scenario() -> None:
        async with api() as client:
            page = await client.get("/docs")
            named = re.findall(r"""(?:src|href)="([^"]+)"|url: '([^']+)'""", page.text)
            urls = [urljoin("http://api/docs", first or second) for first, second in named]
            answers = [await client.get(url) for url in urls]
            missing = await client.get("/docs/assets/../../access.py")
        assert len(urls) == 4
        assert {httpx.URL(url).host for url in urls} == {"api"}
        assert {answer.status_code for answer in answers} == {200}
        kinds = {answer.headers["content-type"].split(";")[0] for answer in answers}
        assert kinds >= {"text/javascript", "text/css", "application/json"}
        assert missing.status_code == 404
        assert "https://" not in page.text

    asyncio.run(scenario())
