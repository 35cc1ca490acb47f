// "Catalogue": find an item by title, see its neighbours and its users, hide it.
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { json, path } from "./api.js";
import { ItemLine, Message, SureButton, nameOf } from "./parts.js";
import { texts } from "./texts.js";

const t = texts.catalogue;
const PAUSE_MS = 150; // a reader who types is not asked at every letter

function Found({ found, chosen, onChoose }) {
  if (!found.items.length) return html`<${Message}>${t.none}<//>`;
  return html`<ul class="items choice">${found.items.map((item) => html`<li key=${item.item_id}>
    <button type="button" aria-pressed=${item.item_id === chosen?.item_id} onClick=${() => onChoose(item)}>
      <${ItemLine} item=${item}><span class="quiet"><bdi>${item.categories.join(", ")}</bdi></span><//>
    </button></li>`)}</ul>`;
}

function Chosen({ item }) {
  const [state, setState] = useState({ neighbours: [], users: [], note: "", error: "" });
  const show = (change) => setState((before) => ({ ...before, error: "", ...change }));
  useEffect(() => {
    let current = true;
    const of = (name, n) => json(path(["v1", "items", item.item_id, name], { n }));
    Promise.all([of("similar", 10), of("users", 12)])
      .then(([similar, top]) => current && show({ neighbours: similar.items, users: top.users }))
      .catch((error) => current && show({ error: error.message }));
    return () => { current = false; };
  }, [item.item_id]);
  const hide = () => json(path(["v1", "items", item.item_id]), { method: "DELETE" })
    .then(() => show({ note: t.hidden }), (error) => show({ error: error.message }));
  return html`<h2><bdi>${nameOf(item)}</bdi></h2>
    <div class="row"><${SureButton} label=${t.hide} sure=${t.hideSure} onSure=${hide} /></div>
    <p class="note" role="status">${state.note}</p>
    ${state.error ? html`<${Message} error>${state.error}<//>` : null}
    <h3>${t.neighbours}</h3>
    <ol class="items">${state.neighbours.map((each) => html`<li key=${each.item_id}>
      <${ItemLine} item=${each} rank=${each.rank}><span class="source">${each.source}</span><//></li>`)}</ol>
    <h3>${t.users}</h3>
    ${state.users.length ? html`<ul class="tags">${state.users.map((user) => html`
      <li key=${user.user_id}><bdi>${user.user_id}</bdi></li>`)}</ul>` : html`<${Message}>${t.noUsers}<//>`}`;
}

export function CatalogueView() {
  const [text, setText] = useState("");
  const [found, setFound] = useState(null);
  const [chosen, setChosen] = useState(null);
  const [error, setError] = useState("");
  const turn = useRef(0);
  useEffect(() => {
    const mine = ++turn.current;
    const later = setTimeout(() => json(path(["page", "search"], { q: text })).then(
      (answer) => { if (mine === turn.current) { setFound(answer); setError(""); } },
      (problem) => mine === turn.current && setError(problem.message)), text ? PAUSE_MS : 0);
    return () => clearTimeout(later);
  }, [text]);
  return html`<h1>${t.lead}</h1>
    <div class="row"><label>${t.label}
      <input type="search" value=${text} onInput=${(e) => setText(e.target.value)} maxlength="200" /></label></div>
    ${error ? html`<${Message} error>${error}<//>` : null}
    ${found === null ? (error ? null : html`<${Message}>${texts.loading}<//>`) : html`
      <p class="quiet">${t.looked(found.looked_at)}</p>
      <div class="columns even"><section><${Found} found=${found} chosen=${chosen} onChoose=${setChosen} /></section>
        <section>${chosen ? html`<${Chosen} key=${chosen.item_id} item=${chosen} />` : html`<${Message}>${t.choose}<//>`}</section>
      </div>`}`;
}
