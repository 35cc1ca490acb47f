// What two versions of the model recommend to one user, side by side.
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { json, path } from "./api.js";
import { ItemLine, Message } from "./parts.js";
import { texts } from "./texts.js";

const t = texts.compare;

function moved({ rank, rank_in_other: other }) {
  if (other === null) return t.onlyHere;
  return other === rank ? t.same : other > rank ? t.higher(other - rank) : t.lower(rank - other);
}

function VersionPart({ name, list, versions, onVersion }) {
  return html`<div>
    <label>${name} <select value=${list.version} onChange=${(e) => onVersion(e.target.value)}>
      ${versions.map((each) => html`<option value=${each}>${each}</option>`)}</select></label>
    ${list.items.length ? null : html`<${Message}>${t.unknownUser}<//>`}
    <ol class="items" aria-label=${`${name}: ${list.version}`}>${list.items.map((item) => html`
      <li key=${item.item_id}><${ItemLine} item=${item} rank=${item.rank}>
        <span class=${item.rank_in_other === null ? "badge" : "quiet"}>${moved(item)}</span><//></li>`)}</ol></div>`;
}

export function Compare({ user }) {
  const [versions, setVersions] = useState(null);
  const [chosen, setChosen] = useState(null);
  const [lists, setLists] = useState(null);
  const [error, setError] = useState("");
  useEffect(() => {
    json("page/versions").then((names) => {
      setVersions(names);
      if (names.length > 1) setChosen([names[0], names[1]]);
    }, (problem) => setError(problem.message));
  }, []);
  useEffect(() => {
    if (!chosen) return undefined;
    let current = true;
    json(path(["page", "users", user, "compare"], { left: chosen[0], right: chosen[1] })).then(
      (answer) => current && (setLists(answer.lists), setError("")),
      (problem) => current && setError(problem.message));
    return () => { current = false; };
  }, [user, chosen]);
  if (error) return html`<${Message} error>${error}<//>`;
  if (versions && versions.length < 2) return html`<${Message}>${t.needsTwo}<//>`;
  if (!lists) return html`<${Message}>${texts.loading}<//>`;
  return html`<p class="quiet">${t.hint}</p><div class="halves">
    <${VersionPart} name=${t.left} list=${lists[0]} versions=${versions} onVersion=${(v) => setChosen([v, chosen[1]])} />
    <${VersionPart} name=${t.right} list=${lists[1]} versions=${versions} onVersion=${(v) => setChosen([chosen[0], v])} />
  </div>`;
}
