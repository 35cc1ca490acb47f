"""Builds all parts of the API and connects them; no other module does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI

from clients.topic_admin import end_offsets
from contracts.settings import ServingSettings
from contracts.topics import INTERACTIONS
from serving.admission.admission import Admission
from serving.admission.body import BodyInTime, UnpackedBody
from serving.admission.body_limit import BodyLimit
from serving.admission.clients import Clients
from serving.admission.origin import SameOrigin
from serving.answer.recommender import Recommender
from serving.exposures.count import begin_count
from serving.exposures.log import ExposureLog
from serving.exposures.losses import LostExposures
from serving.exposures.sender_process import SenderProcess
from serving.gorse import routes as gorse_routes
from serving.http import docs_page, openapi, problems
from serving.http.observe import Observe
from serving.lists.user_list import UserList
from serving.memory.experiments import ExperimentsInForce
from serving.memory.figures.live_figures import LiveGauges
from serving.memory.impressions import Impressions
from serving.memory.newest_list import NewItems
from serving.memory.process_memory import empty_memory
from serving.memory.refresh import Refresher
from serving.memory.rules import RulesInForce
from serving.memory.service_figures import ServiceFigures
from serving.memory.state_health import StateHealth
from serving.oryx import routes as oryx_routes
from serving.page import files as page_files
from serving.page import routes as page_routes
from serving.redis.store import Store
from serving.routes import (
    catalog,
    debug,
    erasures,
    events,
    experiments,
    items,
    lists,
    models,
    operations,
    sessions,
    users,
)
from serving.routes import exposures as exposure_routes
from serving.routes import rules as rules_routes
from serving.routes.hot_route import Api, HotRoute
from serving.telemetry.metrics import Metrics
from serving.writes.applied_writes import AppliedWrites
from serving.writes.event_log import EventLog
from serving.writes.log_ends import LogEnds

# The lists are loaded before the start if Redis answers; if it does not, the API starts without them.
START_PATIENCE_SECONDS = 1.0
# At most 1 / N of the requests that are admitted at once may wait for a write (`after=`).
_WAITERS_SHARE = 4


def create_app(settings: ServingSettings) -> Api:
    """Build the API from settings. It starts and answers even without Redis and Kafka."""
    metrics = Metrics()
    store = Store(settings, settings.redis_timeout_seconds, metrics)
    memory, rules = empty_memory(settings, store), RulesInForce(store)
    running = ExperimentsInForce(store)
    recommender = Recommender(memory, rules)
    event_log = EventLog(settings, settings.kafka_timeout_seconds)
    exposures = _exposure_log(settings, metrics, memory.new_items)
    lost = LostExposures(store, settings.exposure_counts_dir)
    log_ends = LogEnds(partial(_read_ends, settings), event_log.reached)
    applied = AppliedWrites(store, log_ends, most=max(1, settings.max_requests_at_once // _WAITERS_SHARE))
    figures, impressions = ServiceFigures(store), Impressions(store, settings)
    health, live_gauges = StateHealth(store), LiveGauges(store)
    for collector in (figures, health, live_gauges, lost):
        metrics.add(collector)
    lists_in_memory = (memory.popular_list, memory.trending_lists, memory.newest_list, memory.new_items)
    refresher = Refresher(
        store,
        (*lists_in_memory, rules, health, running, figures, live_gauges, impressions, lost),
        metrics,
        settings.popular_refresh_seconds,
    )
    user_list = UserList(
        settings=settings,
        recommender=recommender,
        applied=applied,
        memory=memory,
        metrics=metrics,
        impressions=impressions,
        experiments=running,
        exposures=exposures,
    )
    app = _empty_app(_lifespan(refresher, applied, event_log, exposures, store))
    for router in (
        users.routes(settings, user_list, recommender, memory, exposures),
        sessions.routes(settings, recommender, memory, metrics, running, exposures),
        items.routes(settings, recommender, memory, metrics, exposures),
        lists.routes(settings, recommender, memory, metrics, exposures),
        events.routes(settings, event_log, metrics, exposures.ids),
        exposure_routes.routes(settings, exposures, metrics, running),
        rules_routes.routes(settings, rules),
        experiments.routes(settings, store),
        catalog.routes(settings, store, event_log),
        erasures.routes(settings, store, event_log),
        models.routes(settings, store),
        debug.routes(settings, recommender, memory, running),
        operations.routes(settings, store, memory.popular_list, health, metrics),
        page_routes.routes(settings, recommender, memory, health, figures, metrics),
        *gorse_routes.routes(settings, event_log, user_list, recommender, memory),
        *oryx_routes.routes(settings, event_log, user_list, recommender, memory),
    ):
        app.include_router(router)
    _install(app, settings, metrics)
    if settings.read_api_key is None and settings.subject_key is None:
        app.hot_route = HotRoute(user_list, metrics)
    return app


def _exposure_log(settings: ServingSettings, metrics: Metrics, new_items: NewItems) -> ExposureLog:
    count = begin_count(settings)
    return ExposureLog(settings, SenderProcess(settings, count), count, metrics, new_items)


def _empty_app(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]) -> Api:
    return Api(
        title="Headwater",
        version=version("headwater"),
        description="Recommendations that are right now.",
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        responses=openapi.ERRORS,
    )


def _lifespan(
    refresher: Refresher,
    applied: AppliedWrites,
    event_log: EventLog,
    exposures: ExposureLog,
    store: Store,
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Start the background tasks with the app, and close everything with it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        at_work = [asyncio.create_task(refresher.run()), asyncio.create_task(exposures.run())]
        with suppress(TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(refresher.first_round.wait(), START_PATIENCE_SECONDS)
        try:
            yield
        finally:
            for task in at_work:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await exposures.close()
            applied.close()
            await asyncio.to_thread(event_log.close)
            await store.close()

    return lifespan


def _install(app: Api, settings: ServingSettings, metrics: Metrics) -> None:
    """Add what is no router: error answers, the OpenAPI document and its page, page files, middleware."""
    problems.install(app)
    openapi.describe(app)
    docs_page.install(app)
    page_files.install(app)
    _guard(app, settings, metrics)


def _read_ends(settings: ServingSettings) -> dict[int, int]:
    return end_offsets(settings, INTERACTIONS.name, settings.kafka_timeout_seconds)


def _guard(app: Api, settings: ServingSettings, metrics: Metrics) -> None:
    """Add the middleware that every request passes before its route."""
    admission = Admission(
        max_at_once=settings.max_requests_at_once,
        rate=settings.rate_limit_per_second,
        burst=settings.rate_limit_burst,
        client_of=Clients(settings),
    )
    # The middleware that is added last runs first.
    app.add_middleware(UnpackedBody, max_bytes=settings.max_body_bytes)
    app.add_middleware(BodyInTime, seconds=settings.body_seconds, admission=admission)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(SameOrigin, settings=settings)
    app.add_middleware(Observe, metrics=metrics)
    app.admission, app.head_seconds = admission, settings.head_seconds
    app.count_refused = {503: metrics.refusal_counter("busy"), 429: metrics.refusal_counter("rate")}
