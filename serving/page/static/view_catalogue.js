// "Catalogue": find an item by title, see its neighbours and its users, edit it, set rules on it.
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { json, path } from "./api.js";
import { EditItem } from "./edit_item.js";
import { loadFacts } from "./facts.js";
import { Fold, ItemLine, Message, nameOf, Source } from "./parts.js";
import { texts } from "./texts.js";

const t = texts.catalogue;
const MODEL = "als"; // where neighbours usually come from
const PAUSE_MS = 150; // a reader who types is not asked at every letter

function Found({ found, chosen, onChoose }) {
  if (!found.items.length) return html`<${Message}>${t.none}<//>`;
  return html`<ul class="items choice">${found.items.map((item) => html`<li key=${item.item_id}>
    <button type="button" aria-pressed=${item.item_id === chosen?.item_id} onClick=${() => onChoose(item)}>
      <${ItemLine} item=${item} />
    </button></li>`)}</ul>`;
}

function Chosen({ item }) {
  const [state, setState] = useState({ neighbours: [], users: [], error: "" });
  const show = (change) => setState((before) => ({ ...before, error: "", ...change }));
  useEffect(() => {
    let current = true;
    const part = (name, n) => json(path(["v1", "items", item.item_id, name], { n }));
    Promise.all([part("similar", 10), part("users", 12)])
      .then(([similar, top]) => {
        if (!current) return;
        show({ neighbours: similar.items, users: top.users.map((user) => user.user_id) });
        // Categories come after the names, which do not wait for them.
        loadFacts(similar.items.map((each) => each.item_id)).then((asked) => current && asked && show({}), () => {});
      })
      .catch((error) => current && show({ error: error.message }));
    return () => { current = false; };
  }, [item.item_id]);
  const attributes = Object.entries(item.attributes ?? {});
  return html`<h2><bdi>${nameOf(item)}</bdi></h2>
    <p class="quiet"><bdi>${[item.item_id, ...attributes.map(([name, value]) => `${name}: ${value}`)].join(" · ")}</bdi></p>
    <${Fold} label=${t.edit}>${() => html`<${EditItem} item=${item} users=${state.users} />`}<//>
    ${state.error ? html`<${Message} error>${state.error}<//>` : null}
    <h3>${t.neighbours}</h3>
    <ol class="items">${state.neighbours.map((each) => html`<li key=${each.item_id}>
      <${ItemLine} item=${each} rank=${each.rank}>${each.source === MODEL ? null : html`<${Source} name=${each.source} />`}<//></li>`)}</ol>
    <h3>${t.users}</h3>
    ${state.users.length ? html`<ul class="tags">${state.users.map((user) => html`
      <li key=${user}><a href=${`#user/${encodeURIComponent(user)}`} title=${t.open(user)}><bdi>${user}</bdi></a></li>`)}</ul>` : html`<${Message}>${t.noUsers}<//>`}`;
}

export function CatalogueView() {
  const [text, setText] = useState("");
  const [found, setFound] = useState(null);
  const [chosen, setChosen] = useState(null);
  const [error, setError] = useState("");
  const turn = useRef(0);
  const place = useRef(null);
  useEffect(() => {
    // On a narrow screen the item stands above the list, which may have been scrolled.
    if (chosen && matchMedia("(max-width: 48rem)").matches) place.current.scrollIntoView({ block: "start" });
  }, [chosen]);
  useEffect(() => {
    const question = ++turn.current;
    const later = setTimeout(() => json(path(["page", "search"], { q: text })).then(
      (answer) => { if (question === turn.current) { setFound(answer); setError(""); } },
      (problem) => question === turn.current && setError(problem.message)), text ? PAUSE_MS : 0);
    return () => clearTimeout(later);
  }, [text]);
  return html`<h1>${t.lead}</h1>
    <label class="finder-box">${t.label}
      <input type="search" value=${text} onInput=${(e) => setText(e.target.value)} maxlength="200" /></label>
    ${error ? html`<${Message} error>${error}<//>` : null}
    ${found === null ? (error ? null : html`<${Message}>${texts.loading}<//>`) : html`
      <p class="quiet">${t.looked(found.looked_at, found.items.length)}</p>
      <div class="columns even finder"><section><${Found} found=${found} chosen=${chosen} onChoose=${setChosen} /></section>
        <section class=${chosen ? "chosen" : ""} ref=${place}>${chosen ? html`<${Chosen} key=${chosen.item_id} item=${chosen} />` : html`<${Message}>${t.choose}<//>`}</section>
      </div>`}`;
}
