// Change an item: its title and categories, the operator's rules on it, and whose lists hold it now.
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { json, path } from "./api.js";
import { forgetFacts } from "./facts.js";
import { Message, SureButton } from "./parts.js";
import { texts } from "./texts.js";

const t = texts.edit;
const LENGTH = 10;
const send = (method, url, body) => json(url, {
  method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
});

/** Of some users, those whose list holds the item. */
async function holders(item, users) {
  const lists = await Promise.all(users.map((user) =>
    json(path(["v1", "users", user, "recommendations"], { n: LENGTH }))));
  return lists.filter((list) => list.items.some((each) => each.item_id === item.item_id)).map((list) => list.user_id);
}

function Rules({ item, onNote, onError, onAsk }) {
  const [rules, setRules] = useState(null);
  useEffect(() => { json("v1/rules").then(setRules, onError); }, []);
  if (!rules) return null;
  const toggle = (name) => {
    const without = rules[name].filter((id) => id !== item.item_id);
    const wanted = without.length < rules[name].length ? without : [...without, item.item_id];
    send("PUT", "v1/rules", { ...rules, [name]: wanted })
      .then((now) => { setRules(now); onNote(t.ruled); }, onError);
  };
  return html`<div class="row" role="group" aria-label=${t.rules}>${["deny", "editorial"].map((name) => {
    const on = rules[name].includes(item.item_id);
    return html`<${SureButton} key=${name} label=${t[name][on ? "off" : "on"]} sure=${t.sure}
      onAsk=${() => onAsk(on ? "comesBack" : name)} onSure=${() => toggle(name)} />`;
  })}</div>`;
}

export function EditItem({ item, users }) {
  const [title, setTitle] = useState(item.title ?? "");
  const [categories, setCategories] = useState((item.categories ?? []).join(", "));
  const [note, setNote] = useState("");
  const [error, setError] = useState("");
  const said = (text) => { setNote(text); setError(""); };
  const failed = (problem) => { setError(problem.message); setNote(""); };
  const url = path(["v1", "items", item.item_id]);
  const save = (event) => {
    event.preventDefault();
    const changes = { title, categories: categories.split(",").map((each) => each.trim()).filter(Boolean) };
    send("PATCH", url, changes).then(() => { forgetFacts(item.item_id); said(t.saved); }, failed);
  };
  const preview = (text) => {
    said(t.looking);
    return holders(item, users).then((found) => said(text(found, users.length, LENGTH)), failed);
  };
  /** Before it is done: whose lists change. */
  const ask = (change) => {
    if (change === "comesBack") said(t.comesBack);
    else if (change === "editorial") said(t.joins(LENGTH));
    else preview(t.leaves);
  };
  return html`<form class="row" onSubmit=${save}>
      <label>${t.title} <input value=${title} onInput=${(e) => setTitle(e.target.value)} maxlength="1024" /></label>
      <label>${t.categories} <input value=${categories} onInput=${(e) => setCategories(e.target.value)} /></label>
      <button type="submit">${t.save}</button>
    </form>
    <div class="row">
      ${users.length ? html`<button type="button" onClick=${() => preview(t.preview)}>${t.who}</button>` : null}
      <${SureButton} label=${t.hide} sure=${t.sure} onAsk=${() => ask("deny")}
        onSure=${() => json(url, { method: "DELETE" }).then(() => said(t.hidden), failed)} />
    </div>
    <${Rules} item=${item} onNote=${said} onError=${failed} onAsk=${ask} />
    <p class="quiet">${t.hint}</p>
    <p class="note" role="status">${note}</p>
    ${error ? html`<${Message} error>${error}<//>` : null}`;
}
