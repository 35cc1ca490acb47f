"""The page in a real Chromium, against a real API, Redis and broker; screenshots go to build/screenshots."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

import httpx
import pytest
import redis
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Response, Route, expect, sync_playwright

from clients.topic_admin import create_topics
from contracts.experiments.definition import Arm, ArmParameters, Definition
from contracts.experiments.look import ArmLook, Look
from contracts.experiments.record import Experiment
from contracts.live_figures import FRESH, amounts, day_of, hour_of
from contracts.stored import keyspace, records
from contracts.stored.manifest import GateRecord, HistoryPoint
from contracts.stored.pointer import audit_line
from contracts.topics import TOPICS
from tests.manifests import a_manifest
from tests.serving.blend_world import blend_world
from tests.serving.conftest import OwnRedis, ServedApi, serve, wait_for
from tests.serving.test_security import HOSTILE
from tests.serving.world import labelled_world

SCREENSHOTS = Path(__file__).parents[3] / "build" / "screenshots"
# By view: what it says once it is there.
VIEWS = {
    "user": "Rate something",
    "now": "times the usual share",
    "models": "Weight",
    "catalogue": "Searched among",
}
WIDTHS = (360, 1440)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
HOSTILE_TITLE = '<img src=x onerror="document.title=1">'
HOSTILE_ITEMS = [f"i{number}" for number in range(10, 10 + len(HOSTILE))]
PATIENCE_MS = 20_000  # the machine may be busy
SOURCES = tuple(f"interactions:{partition}" for partition in range(64))


def chromium() -> str:
    """Where Chromium is; fails with the cure where there is none."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.fail("The page's test needs a Chromium: install Debian's with `apt-get install -y chromium`")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def url(redis_server_url: str, broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    create_topics(broker, TOPICS)
    write_world(redis_server_url)
    log = tmp_path_factory.mktemp("api") / "api.log"
    patient = {"redis_timeout_seconds": 5, "kafka_timeout_seconds": 20}  # the machine may be busy
    with serve(log, redis_url=redis_server_url, kafka_bootstrap_servers=broker, **patient) as api:
        wait_for(lambda: httpx.get(f"{api.url}/readyz").status_code == 200)
        yield api.url
    assert "Traceback" not in log.read_text()


def write_world(redis_url: str) -> None:
    """Three versions, the second one served, and titles that try to be more than text."""
    world, labels = blend_world(), labelled_world()
    world.categories, world.attributes = labels.categories, labels.attributes
    # The logarithm of about 30 events of now (contracts.stored.records.Trend); in the last hour i04 leads.
    world.trending = {
        half_life: {"i04": time.time() / half_life + lead, "i05": time.time() / half_life + 4.5}
        for half_life, lead in ((3600, 9.0), (86_400, 5.0), (604_800, 5.0))
    }
    client = redis.Redis.from_url(redis_url)
    client.flushall()
    world.write(redis_url)
    for place, version in enumerate(("v1", "v2", "v3")):
        world.write_model(client, version)
        manifest = a_manifest(
            version,
            created_at=f"2026-01-0{place + 1}T00:00:00+00:00",
            metrics={"ndcg@10": 0.2 + place / 50, "popularity_ndcg@10": 0.15},
            previous=f"v{place}" if place else None,
            blend=world.blend,
            gate=GateRecord(
                publish=True,
                leads="model",
                reason="better than popularity by more than chance explains",
                differences={"popularity": (0.05, 0.02, 0.08), "champion": (0.01, -0.02, 0.04)},
            ),
            history=tuple(
                HistoryPoint(version=f"v{n}", ndcg=0.19 + n / 60, popularity=0.15) for n in range(place + 1)
            ),
        )
        client.set(keyspace.manifest(version), manifest.to_json())
        client.zadd(keyspace.MODEL_VERSIONS, {version: place})
    client.set(keyspace.CURRENT_MODEL, "v2")
    now_ms = int(time.time() * 1000)
    client.hset(keyspace.STREAMING_STATUS, mapping={"online_through": now_ms, "heartbeat": now_ms})
    client.hset(keyspace.APPLIED_ONLINE, "interactions:0", 0)
    for rank in (1, *[None] * 7):  # one of eight events was among the first of its user's list
        for name, amount in amounts(hour_of(now_ms), "v2", FRESH, {FRESH: rank}).items():
            client.hincrby(keyspace.live(day_of(now_ms), 0), name, amount)
    client.rpush(keyspace.MODEL_AUDIT, audit_line("trainer", "refuse", "v2", "v4", HOSTILE_TITLE).encode())
    definition = Definition(
        name="diverse",
        hypothesis=HOSTILE_TITLE,
        arms=(Arm(name="a"), Arm(name="b", parameters=ArmParameters(diversity=0.5))),
    )
    running = Experiment(definition=definition, state="running", created_at=1, started_at=1)
    client.hset(keyspace.EXPERIMENTS, "diverse", running.to_json())
    for at, low in ((now_ms - 7_200_000, -0.2), (now_ms, 0.05)):
        figures = ArmLook(arm="b", users=40, lift=0.2, low=low, high=0.4)
        client.rpush(keyspace.experiment_looks("diverse"), Look(at=at, arms=(figures,)).model_dump_json())
    for item_id, title in zip(HOSTILE_ITEMS, [HOSTILE_TITLE, *HOSTILE[1:]], strict=True):
        entry = {"kind": "item", "id": item_id, "title": title, "categories": [title], "updated_at": 1}
        client.hset(keyspace.CATALOG_ITEMS, item_id, records.encode_catalog(1, json.dumps(entry)))
    client.close()


def apply_all(redis_url: str) -> None:
    """Record that the online query has applied every event."""
    client = redis.Redis.from_url(redis_url)
    client.hset(keyspace.APPLIED_ONLINE, mapping=dict.fromkeys(SOURCES, 1_000_000))
    client.close()


def barriers(page: Page, *rules: str) -> list[tuple[str, object]]:
    """The violations that axe finds on the page as it is now, by all rules or by these, with their places."""
    chosen = {"runOnly": list(rules)} if rules else {}
    found = Axe().run(page, options={"resultTypes": ["violations"], **chosen}).response["violations"]
    return [(rule["id"], [node["target"] for node in rule["nodes"]]) for rule in found]


def open_folds(page: Page, *words: str) -> None:
    """Open every part that loads when it is opened, and wait for its words."""
    for fold in page.locator(".fold").all():
        if fold.get_attribute("open") is None:
            fold.locator("summary").click()
    for each in words:
        expect(page.locator("main")).to_contain_text(each, timeout=PATIENCE_MS)


def faults_of(page: Page) -> list[str]:
    """The errors that the browser reports from now on: scripts that fail, files that the policy forbids."""
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    return faults


def test_a_rating_is_acknowledged_and_the_list_is_read_again(
    url: str, redis_server_url: str, browser: Browser
) -> None:
    page = browser.new_page()
    faults = faults_of(page)
    page.goto(url)
    expect(page.get_by_role("textbox", name="User").or_(page.get_by_label("User"))).to_have_value(
        "ann", timeout=PATIENCE_MS
    )
    expect(page.get_by_role("list", name="Recommended")).to_contain_text("Title i04", timeout=PATIENCE_MS)
    page.get_by_role("button", name="5 of 5 stars: Title i04").click()
    expect(page.locator("#note")).to_contain_text("Acknowledged", timeout=PATIENCE_MS)
    apply_all(redis_server_url)
    expect(page.locator("#note")).to_contain_text("after the acknowledgement", timeout=PATIENCE_MS)
    assert faults == []
    assert page.title() == "Be a user · Headwater"
    page.close()


def test_an_anonymous_visitor_likes_an_item_by_keyboard_and_gets_a_session_list(
    url: str, browser: Browser
) -> None:
    page = browser.new_page(reduced_motion="reduce")
    faults = faults_of(page)
    page.goto(url)
    page.get_by_role("button", name="Start as nobody").press("Enter")
    expect(page.locator("main")).to_contain_text("nothing is stored", timeout=PATIENCE_MS)
    page.get_by_role("button", name="Like: Title i00", exact=True).press("Enter")
    expect(page.get_by_role("list", name="History")).to_contain_text("Title i00", timeout=PATIENCE_MS)
    expect(page.get_by_role("list", name="Recommended")).not_to_contain_text("Title i00", timeout=PATIENCE_MS)
    assert faults == []
    page.close()


def show(page: Page, view: str) -> None:
    """Wait until a view shows everything that it can show."""
    expect(page.locator("main")).to_contain_text(VIEWS[view], timeout=PATIENCE_MS)
    if view == "user":
        expect(page.get_by_role("list", name="Recommended")).to_be_visible(timeout=PATIENCE_MS)
        page.locator(".reason > summary").first.click()
        open_folds(page, "Removed by", "One version")
    elif view == "now":
        expect(page.locator(".line").first).to_be_visible(timeout=PATIENCE_MS)
        expect(page.locator("main")).to_contain_text("12.5 %", timeout=PATIENCE_MS)
    elif view == "models":
        expect(page.locator(".uplot").first).to_be_visible(timeout=PATIENCE_MS)
        page.get_by_role("button", name="v1", exact=True).click()
        expect(page.locator("main")).to_contain_text("decision on v1", timeout=PATIENCE_MS)
        expect(page.locator("main")).to_contain_text("diversity = 0.5", timeout=PATIENCE_MS)
        expect(page.locator("main")).to_contain_text("surely better", timeout=PATIENCE_MS)
        expect(page.get_by_role("group", name="Lift of b over time").locator(".uplot")).to_be_visible()
    else:
        page.get_by_role("searchbox").fill("i00")
        expect(page.locator("main")).not_to_contain_text("Title i29", timeout=PATIENCE_MS)
        page.get_by_role("button", name="Title i00").click()
        expect(page.locator("main")).to_contain_text("Neighbours", timeout=PATIENCE_MS)
        open_folds(page, "Never recommend")


@pytest.mark.parametrize("width", WIDTHS)
def test_every_view_fits_its_screen_without_errors_or_accessibility_barriers(
    url: str, browser: Browser, width: int
) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page = browser.new_page(viewport={"width": width, "height": 900}, reduced_motion="reduce")
    faults = faults_of(page)
    for view in VIEWS:
        page.goto(f"{url}/#{view}")
        show(page, view)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wider <= 0, (view, width, wider)
            page.screenshot(path=SCREENSHOTS / f"{view}-{scheme}-{width}.png", full_page=True)
            if width == WIDTHS[-1]:
                # Only contrast can differ where the page has other colours.
                rules = () if scheme == SCHEMES[0] else ("color-contrast",)
                assert (view, scheme, barriers(page, *rules)) == (view, scheme, [])
    assert faults == []
    page.close()


def test_the_text_that_somebody_types_is_not_replaced_by_the_default_user(url: str, browser: Browser) -> None:
    page = browser.new_page()
    held: list[Route] = []
    page.route("**/v1/popular?n=1", lambda route: held.append(route))
    with page.expect_request("**/v1/popular?n=1"):
        page.goto(url)
    page.get_by_label("User").fill("bob")
    held[0].continue_()
    expect(page.locator("main")).to_contain_text("2 known items", timeout=PATIENCE_MS)  # ann's
    assert page.get_by_label("User").input_value() == "bob"
    page.close()


def test_a_list_that_failed_to_load_is_requested_again(url: str, browser: Browser) -> None:
    page = browser.new_page()
    refusals = iter([503])

    def refuse_once(route: Route) -> None:
        status = next(refusals, None)
        if status is None:
            route.continue_()
        else:
            route.fulfill(status=status, json={"detail": "Redis is slow", "errors": [{"reason": "for now"}]})

    page.route("**/v1/users/*/recommendations*", refuse_once)
    page.goto(url)
    expect(page.get_by_role("alert")).to_contain_text("Redis is slow: for now", timeout=PATIENCE_MS)
    expect(page.get_by_role("list", name="Recommended")).to_contain_text("Title i04", timeout=PATIENCE_MS)
    expect(page.get_by_role("alert")).to_have_count(0)
    page.close()


def test_the_accessibility_check_finds_a_barrier(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<main><button></button></main>")
    assert "button-name" in {rule for rule, _ in barriers(page)}
    page.close()


def _is_history_of(user: str) -> Callable[[Response], bool]:
    """Whether an answer is this user's: the page may still wait for the one of the user before."""
    return lambda response: unquote(urlsplit(response.url).path) == f"/v1/users/{user}/history"


def test_hostile_user_ids_and_titles_are_shown_as_text(url: str, browser: Browser) -> None:
    page = browser.new_page()
    faults = faults_of(page)
    page.goto(url)
    for hostile in HOSTILE:
        if "\u0000" in hostile or "\r" in hostile:
            continue  # no text field takes them
        page.get_by_label("User").fill(hostile)
        with page.expect_response(_is_history_of(hostile)) as answered:
            page.get_by_role("button", name="Open").click()
        assert answered.value.json()["user_id"] == hostile
    page.goto(f"{url}/#catalogue")
    page.get_by_role("searchbox").fill("<img")
    expect(page.get_by_role("button", name=HOSTILE_TITLE)).to_be_visible(timeout=PATIENCE_MS)
    assert page.locator("main img, main script").count() == 0
    assert faults == []
    page.close()


def test_the_page_says_that_redis_is_gone_and_what_to_do(
    own_redis: OwnRedis, start_api: Callable[..., ServedApi], browser: Browser
) -> None:
    write_world(own_redis.url)
    api = start_api(redis_url=own_redis.url, redis_timeout_seconds=5)
    page = browser.new_page()
    page.goto(f"{api.url}/#now")
    expect(page.locator(".health").first).to_contain_text("Redis ok", timeout=PATIENCE_MS)
    own_redis.process.kill()
    expect(page.locator("main")).to_contain_text("HeadwaterAnswersStale", timeout=PATIENCE_MS)
    expect(page.locator("main")).to_contain_text("Start Redis", timeout=PATIENCE_MS)
    page.close()


def test_an_api_with_keys_makes_the_page_ask_for_one_and_keep_it_in_memory(
    url: str, redis_server_url: str, browser: Browser, tmp_path: Path
) -> None:
    keys = {"read_api_key": "reader", "api_key": "writer"}
    with serve(tmp_path / "api.log", redis_url=redis_server_url, redis_timeout_seconds=5, **keys) as api:
        wait_for(lambda: httpx.get(f"{api.url}/readyz").status_code == 200)
        page = browser.new_page()
        main, key = page.locator("main"), page.get_by_role("textbox", name="API key")
        page.goto(f"{api.url}/#now")
        page.get_by_role("button", name="Cancel").click()
        expect(main).to_contain_text("with an API key only", timeout=PATIENCE_MS)
        page.get_by_role("link", name="Be a user").click()
        for given, words in (("wrong", "does not open this"), ("reader", "")):
            key.fill(given)
            key.press("Enter")
            expect(page.locator("dialog")).to_contain_text(words, timeout=PATIENCE_MS)
        expect(page.get_by_role("list", name="Recommended")).to_contain_text("Title i04", timeout=PATIENCE_MS)
        # One request is refused only after another has been given its key: nobody is asked twice.
        late: list[Route] = []
        page.route("**/v1/models", lambda route: late.append(route), times=1)
        page.get_by_role("link", name="Models").click()
        key.fill("writer")
        key.press("Enter")
        expect(main).to_contain_text("surely better", timeout=PATIENCE_MS)
        late[0].continue_()
        expect(main).to_contain_text("Versions", timeout=PATIENCE_MS)
        kept = "[localStorage.length, sessionStorage.length, document.cookie, location.href].join(' ')"
        assert page.evaluate(kept) == f"0 0  {api.url}/#models"
        page.close()
