// "Now": health, figures, freshness, what is trending and popular; one picture a second.
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { stream } from "./api.js";
import { loadFacts } from "./facts.js";
import { Live } from "./live.js";
import { ItemLine, Message } from "./parts.js";
import { texts } from "./texts.js";

const t = texts.now;
const QUIET_SECONDS = 10; // after which streaming counts as silent
const PICTURES = 120; // two minutes
const number = (value, digits = 0) =>
  value === undefined ? t.unknown : value.toLocaleString("en", { maximumFractionDigits: digits });

/** Name, whether it is well, and a sentence, of each part. */
export function health(now) {
  const figures = now.figures;
  const age = figures["streaming_heartbeat_age_seconds"];
  const lost = figures["streaming_state_lost"] === 1;
  const outcome = Object.entries(figures).find(([name, on]) => name.startsWith("training_last_outcome.") && on);
  const streaming = lost ? t.stateLost : age === undefined ? t.noStreaming
    : age > QUIET_SECONDS ? t.heartbeat(Math.round(age)) : t.ok;
  return [
    [t.api, true, t.ok],
    [t.redis, now.redis === "ok", now.redis === "ok" ? t.ok : t.redisDown],
    [t.streaming, streaming === t.ok, streaming],
    [t.training, !outcome?.[0].endsWith(".failed"), outcome ? t.outcome(outcome[0].split(".").pop()) : t.noRound],
    [t.model, now.model_version !== null, now.model_version ?? (now.redis === "ok" ? t.noModel : t.unknownModel)],
  ];
}

function Freshness({ buckets }) {
  const most = Math.max(...buckets.map(([, count]) => count));
  if (!(most > 0)) return html`<${Message}>${t.noAnswers}<//>`;
  const filled = buckets.map(([, count]) => count > 0);
  const shown = buckets.slice(filled.indexOf(true), filled.lastIndexOf(true) + 1);
  return html`<p class="quiet">${t.freshnessHint}</p>
    <table class="bars"><tbody>${shown.map(([bound, count]) => html`<tr key=${bound}>
      <th scope="row">${t.upTo(bound)}</th>
      <td class="grow"><span class="bar" style=${{ width: `${(100 * count) / most}%` }}></span></td>
      <td class="number">${number(count)}</td></tr>`)}</tbody></table>`;
}

/** A figure of the last two minutes as a line; the number beside it is the newest one. */
function Line({ values }) {
  const known = values.filter((value) => value !== undefined);
  if (known.length < 2) return null;
  const most = Math.max(...known, 1e-9);
  const points = known.map((value, at) => `${(100 * at) / (known.length - 1)},${(22 - (20 * value) / most).toFixed(1)}`);
  return html`<svg class="line" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">
    <polyline points=${points.join(" ")} /></svg>`;
}

function Top({ title, hint, items, empty, figure }) {
  return html`<section><h2>${title}</h2><p class="quiet">${hint}</p>
    ${items.length ? null : html`<${Message}>${empty}<//>`}
    <ol class="items">${items.map((item, place) => html`<li key=${item.item_id}>
      <${ItemLine} item=${item} rank=${place + 1}><span class="quiet">${figure(item)}</span><//>
    </li>`)}</ol></section>`;
}

function Alarms({ alarms }) {
  return html`<section class="all" role="status"><h2>${t.alarms}</h2>
    ${alarms.length ? html`<ul class="health">${alarms.map((alarm) => html`<li key=${alarm.name}>
      <span class="mark ill" aria-hidden="true">!</span>
      <strong>${t.runbook(alarm.name)}</strong> <span>${alarm.advice}</span></li>`)}</ul>`
    : html`<p class="quiet">${t.noAlarms}</p>`}</section>`;
}

export function NowView() {
  const [now, setNow] = useState(null);
  const [rate, setRate] = useState(undefined);
  const [state, setState] = useState("connecting");
  const before = useRef(null);
  const past = useRef([]); // of each picture: events a second, and the lag in seconds
  useEffect(() => {
    const ends = new AbortController();
    const onData = (found) => {
      const last = before.current;
      const counted = [found, last].map((each) => each?.figures["streaming_online_events"]);
      const moved = last && counted.every((each) => each !== undefined) && found.time_ms > last.time_ms;
      const now = moved ? (1000 * (counted[0] - counted[1])) / (found.time_ms - last.time_ms) : undefined;
      if (moved) setRate(now);
      past.current = [...past.current, { rate: now, lag: found.figures["streaming_online_lag_seconds"] }].slice(-PICTURES);
      before.current = found;
      setNow(found);
      const ids = [...found.trending, ...found.rising, ...found.popular].map((item) => item.item_id);
      loadFacts(ids).then((asked) => asked && setNow({ ...found }), () => {}); // without facts, titles are shown
    };
    stream("page/stream", { signal: ends.signal, onData, onState: setState });
    return () => ends.abort();
  }, []);
  const figures = now?.figures ?? {};
  const lag = figures["streaming_online_lag_seconds"];
  return html`<h1>${t.lead}</h1>
    <p class=${`note ${state}`} role="status">${{ connecting: t.connecting, live: t.live, again: t.again, noKey: texts.key.missing }[state]}</p>
    ${now && html`<div class="columns even">
      <section><h2>${t.health}</h2>
        <ul class="health">${health(now).map(([name, well, sentence]) => html`<li key=${name}>
          <span class=${well ? "mark well" : "mark ill"} aria-hidden="true">${well ? "✓" : "!"}</span>
          <strong>${name}</strong> <span>${sentence}</span></li>`)}</ul></section>
      <section><h2>${t.figures}</h2>
        <dl class="figures">
          <div><dt>${t.events}</dt><dd>${number(figures["streaming_online_events"])}</dd></div>
          <div><dt>${t.rate}</dt><dd>${number(rate)}<${Line} values=${past.current.map((each) => each.rate)} /></dd></div>
          <div><dt>${t.lag}</dt><dd>${lag === undefined ? t.unknown : `${number(lag, 1)} s`}
            <${Line} values=${past.current.map((each) => each.lag)} /></dd></div>
          <div title=${t.pendingHint}><dt>${t.pending}</dt><dd>${number(figures["streaming_pending_users"])}</dd></div>
          <div><dt>${t.lake}</dt><dd>${number(figures["streaming_lake_events"])}</dd></div>
        </dl></section>
      <${Alarms} alarms=${now.alarms} />
      <section class="all"><h2>${texts.live.title}</h2><${Live} /></section>
      <section class="all"><h2>${t.freshness}</h2><${Freshness} buckets=${now.freshness} /></section>
    </div>
    <div class="columns three">
      <${Top} title=${t.trending} hint=${t.trendingHint} items=${now.trending} empty=${t.empty} figure=${(item) => t.weight(number(item.score, 1))} />
      <${Top} title=${t.rising} hint=${t.risingHint} items=${now.rising} empty=${t.noRising} figure=${(item) => t.times(item.times)} />
      <${Top} title=${t.popular} hint=${t.popularHint} items=${now.popular} empty=${t.empty} figure=${(item) => t.score(number(item.score, 1))} />
    </div>`}`;
}
