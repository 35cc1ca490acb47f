// "Be a user": rate on one side, see the list change on the other.
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { json, path, post } from "./api.js";
import { Compare } from "./compare.js";
import { loadFacts } from "./facts.js";
import { MovingList } from "./moving_list.js";
import { Fold, ItemLine, Message, nameOf, signalOf, Source } from "./parts.js";
import { texts } from "./texts.js";
import { Waterfall } from "./waterfall.js";

const t = texts.user;
const LENGTH = 10;
const AGAIN_MS = 3000;
const HISTORY = 12; // entries that are shown before one asks for more
const WAIT_MS = 10000;

/** Users of whom the model knows something; empty where it knows none. */
async function someUsers() {
  try {
    const { items } = await json("v1/popular?n=1");
    const { users } = await json(path(["v1", "items", items[0].item_id, "users"], { n: 12 }));
    return users.map((user) => user.user_id);
  } catch {
    return [];
  }
}

async function readHistory(user) {
  const { items } = await json(path(["v1", "users", user, "history"], { n: 50 }));
  await loadFacts(items.map((item) => item.item_id));
  return items;
}

/** The parameters that the sliders and the filter stand for. */
const queryOf = (shape) => ({
  n: LENGTH, diversity: shape.diversity || null, freshness: shape.freshness || null, filter: shape.filter,
});

function readList(user, session, shape, after) {
  const query = queryOf(shape);
  if (user !== null) {
    const more = after ? { after, wait_ms: WAIT_MS } : {};
    return json(path(["v1", "users", user, "recommendations"], { ...query, explain: true, ...more }));
  }
  if (!session.length) return json(path(["v1", "popular"], { n: LENGTH }));
  const items = session.map(({ item_id, event_type, value }) =>
    event_type === "rating" ? { item_id, rating: value } : { item_id, event_type }).reverse();
  return post(path(["v1", "recommendations"], query), { items });
}

/** Parts of a score as bars; percentages are of the sum of all sizes, so that they add up to 100. */
function Shares({ parts }) {
  const total = parts.reduce((sum, part) => sum + Math.abs(part.share), 0) || 1;
  const percent = (part) => (100 * Math.abs(part.share)) / total;
  const shown = parts.filter((part) => percent(part) >= 0.5);
  return html`<ul>${shown.map((part) => html`<li key=${part.name}>
    <span class="share"><span class=${part.share < 0 ? "bar against" : "bar"}
      style=${{ width: `${percent(part)}%` }}></span></span>
    <span>${part.share < 0 ? "−" : ""}${Math.round(percent(part))} %</span>
    <span><bdi>${part.name}</bdi>${part.share < 0 ? ` ${t.opposes}` : ""}</span></li>`)}</ul>`;
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** Why an item is there; `common` is the source that the list names for all. */
function Reasons({ item, common }) {
  const because = item.because;
  const source = html`<${Source} name=${item.source} />`;
  const signals = Object.entries(because?.signals ?? {}).map(([name, share]) => ({ name: signalOf(name), share }));
  if (!because || (!because.items.length && !signals.length)) return html`<p class="reason">${source}</p>`;
  const items = because.items.map((each) => ({ name: nameOf(each), share: each.share }));
  const first = [...items, ...signals].find((part) => part.share > 0);
  return html`<details class="reason">
    <summary><bdi>${capital(because.reason ?? (first ? `${t.why}: ${first.name}` : t.why))}</bdi> ${item.source === common ? null : source}</summary>
    <p>${t.shares}</p>
    <${Shares} parts=${[...items, { name: t.rest, share: because.rest }]} />
    ${signals.length > 1 ? html`<p>${t.signals}</p><${Shares} parts=${signals} />` : null}
  </details>`;
}

function Actions({ item, onEvent }) {
  const name = nameOf(item);
  return html`<div class="actions" role="group" aria-label=${name}>
    <span class="stars">${[1, 2, 3, 4, 5].map((stars) => html`<button type="button" class="star"
      aria-label=${`${t.rate(stars)}: ${name}`} title=${t.rate(stars)}
      onClick=${() => onEvent(item, "rating", stars)}>★</button>`)}</span>
    ${[["click", "↗"], ["like", "♥"], ["dislike", "✕"]].map(([type, sign]) => html`<button type="button" key=${type}
      aria-label=${`${t[type]}: ${name}`} title=${t[type]} onClick=${() => onEvent(item, type)}>${sign}</button>`)}
  </div>`;
}

function Shape({ shape, onShape }) {
  const [filter, setFilter] = useState(shape.filter);
  const slider = (name, label) => html`<label>${label} <output>${shape[name].toFixed(1)}</output>
    <input type="range" min="0" max="1" step="0.1" value=${shape[name]}
      onChange=${(e) => onShape({ ...shape, [name]: Number(e.target.value) })} /></label>`;
  const submit = (event) => { event.preventDefault(); onShape({ ...shape, filter: filter.trim() }); };
  return html`<form class="shape" onSubmit=${submit}>
    ${slider("diversity", t.diversity)} ${slider("freshness", t.freshness)}
    <label class="wide">${t.filter}
      <input type="text" value=${filter} placeholder=${t.filterHint} onInput=${(e) => setFilter(e.target.value)}
        onBlur=${() => filter.trim() !== shape.filter && onShape({ ...shape, filter: filter.trim() })} /></label>
  </form>`;
}

function WhoForm({ user, users, onUser }) {
  const [typed, setTyped] = useState(user ?? "");
  const typing = useRef(false); // what somebody types is not replaced by a user that opens meanwhile
  useEffect(() => { if (!typing.current) setTyped(user ?? ""); }, [user]);
  const type = (event) => { typing.current = true; setTyped(event.target.value); };
  const submit = (event) => {
    event.preventDefault();
    typing.current = false;
    if (typed) onUser(typed);
  };
  return html`<form class="row who" onSubmit=${submit}>
    <label>${t.label} <input list="users" value=${typed} onInput=${type} /></label>
    <datalist id="users">${users.map((each) => html`<option value=${each} />`)}</datalist>
    <button class="main" type="submit">${t.open}</button>
    <button type="button" onClick=${() => { typing.current = false; onUser(null); }}>${t.nobody}</button>
  </form>`;
}

function HistoryLines({ history }) {
  const [all, setAll] = useState(false);
  if (!history.length) return html`<${Message}>${t.noHistory}<//>`;
  const done = ({ event_type, value }) =>
    event_type === "rating" ? texts.events.rating(value) : texts.events[event_type] ?? event_type;
  return html`<${MovingList} label=${t.history}>${(all ? history : history.slice(0, HISTORY)).map((item) => html`
    <li key=${`${item.item_id}\n${item.event_type}`} data-id=${`${item.item_id}\n${item.event_type}`}>
      <${ItemLine} item=${item}><span class="done">${done(item)}</span><//>
    </li>`)}<//>
    ${all || history.length <= HISTORY ? null : html`<button type="button" onClick=${() => setAll(true)}>
      ${t.more(history.length - HISTORY)}</button>`}`;
}

/** Whether no item can be listed yet, for anybody. */
const hasNothing = (list) => !list.items.length && !list.model_version;

function facts(list) {
  const known = list.known_items === undefined ? [] : [t.known(list.known_items)];
  const lag = list.lag_ms === undefined || list.lag_ms === null ? [] : [t.lag(list.lag_ms)];
  const arm = list.arm ? [t.arm(list.arm)] : [];
  const source = list.items.length ? [t.from(texts.sources[list.items[0].source] ?? list.items[0].source)] : [];
  return [t.model(list.model_version), ...source, ...arm, ...known, ...lag].join(" · ");
}

/** The state of the view, and what moves it. An answer that a later question has overtaken is dropped. */
function useUser(wanted) {
  const [state, setState] = useState({ user: null, users: [], history: [], list: null, note: "", error: "" });
  const [shape, setShape] = useState({ diversity: 0, freshness: 0, filter: "" });
  const turn = useRef(0);

  const step = async (work) => {
    const question = ++turn.current;
    const show = (change) => question === turn.current && setState((before) => ({ ...before, error: "", mayPass: false, ...change }));
    try {
      await work(show);
    } catch (error) {
      show({ error: error.message, mayPass: Boolean(error.mayPass), note: "" });
    }
  };
  // Year and categories come after the list, which does not wait for them.
  const showFacts = (list, show) => loadFacts(list.items.map((item) => item.item_id)).then((asked) => asked && show({}), () => {});

  const open = (user) => step(async (show) => {
    show({ user, note: "", history: [], list: null });
    const list = await readList(user, [], shape);
    show({ list });
    showFacts(list, show);
    if (user !== null) show({ history: await readHistory(user) });
  });

  const reshape = (wanted) => {
    setShape(wanted);
    return step(async (show) => {
      const list = await readList(state.user, state.history, wanted);
      show({ list, note: "" });
      showFacts(list, show);
    });
  };

  const act = (item, type, value) => step(async (show) => {
    const entry = { item_id: item.item_id, event_type: type, value: value ?? 1 };
    const others = state.history.filter((each) => each.item_id !== item.item_id || each.event_type !== type);
    let history = [entry, ...others];
    let after = null;
    show({ note: t.sending, history });
    if (state.user !== null) {
      // By its id, figures of what was shown know that the list led to this event.
      const shown = state.list?.recommendation_id;
      const event = { event_type: type, user_id: state.user, item_id: item.item_id, recommendation_id: shown };
      try {
        after = (await post("v1/events", value === undefined ? event : { ...event, value })).token;
      } catch (error) {
        show({ history: state.history }); // what was not acknowledged did not happen
        throw error;
      }
      show({ note: t.waiting });
    }
    const acknowledged = performance.now();
    const list = await readList(state.user, history, shape, after);
    const ms = Math.round(performance.now() - acknowledged);
    const ids = (each) => each?.items.map(({ item_id }) => item_id).join("\n");
    const note = list.stale ? t.late : ids(list) === ids(state.list) ? t.sameList(ms) : t.changed(ms);
    show({ list, note });
    showFacts(list, show);
    if (state.user !== null) history = await readHistory(state.user);
    show({ history });
  });

  useEffect(() => {
    if (wanted) open(wanted);
    someUsers().then((users) => {
      setState((before) => ({ ...before, users }));
      if (turn.current === 0 && !wanted) open(users[0] ?? null); // else somebody was faster
    });
  }, []);
  // Until the first events have come there is nothing to show: look again.
  const isEmpty = state.list !== null && hasNothing(state.list) && !state.history.length;
  useEffect(() => {
    if (!isEmpty) return undefined;
    const again = setTimeout(() => someUsers().then((users) => {
      setState((before) => ({ ...before, users }));
      open(state.user ?? users[0] ?? null);
    }), AGAIN_MS);
    return () => clearTimeout(again);
  }, [state.list]);
  // A list that did not come, for instance after a timeout, is asked for again.
  useEffect(() => {
    if (state.list !== null || !state.mayPass) return undefined;
    const again = setTimeout(() => open(state.user), AGAIN_MS);
    return () => clearTimeout(again);
  }, [state.list, state.mayPass]);
  return { ...state, shape, open, reshape, act };
}

export function UserView({ wanted }) {
  const { user, users, history, list, note, error, shape, open, reshape, act } = useUser(wanted);
  return html`<h1>${t.lead}</h1>
    <p class="about-view">${t.about}</p>
    <${WhoForm} user=${user} users=${users} onUser=${open} />
    ${user === null ? html`<p class="quiet">${t.isNobody}</p>` : null}
    <${Shape} shape=${shape} onShape=${reshape} />
    ${error ? html`<${Message} error>${error}<//>` : null}
    <div class="columns">
      <section aria-labelledby="list-title">
        <h2 id="list-title">${t.list}</h2>
        <p class="note" role="status" id="note">${note}</p>
        ${list?.stale && !hasNothing(list) ? html`<${Message} error>${t.stale}<//>` : null}
        ${list === null ? (error ? null : html`<${Message}>${texts.loading}<//>`) : html`
          <p class="quiet">${facts(list)}</p>
          ${list.items.length ? null : html`<${Message}>${hasNothing(list) ? t.noEvents : t.noList}<//>`}
          <${MovingList} label=${t.list}>${list.items.map((item) => html`
            <li key=${item.item_id} data-id=${item.item_id}>
              <${ItemLine} item=${item} rank=${item.rank}>
                <${Reasons} item=${item} common=${list.items[0].source} />
                <${Actions} item=${item} onEvent=${act} />
              <//>
            </li>`)}<//>`}
      </section>
      <section aria-labelledby="history-title">
        <h2 id="history-title">${t.history}</h2>
        <${HistoryLines} key=${user} history=${history} />
      </section>
      ${user === null || list === null ? null : html`<section class="all">
        <${Fold} label=${texts.waterfall.open}>${() => html`<${Waterfall} user=${user} query=${queryOf(shape)} list=${list} />`}<//>
        <${Fold} label=${texts.compare.open}>${() => html`<${Compare} user=${user} />`}<//>
      </section>`}
    </div>`;
}
