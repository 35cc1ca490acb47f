// How a list came about: what each strategy proposed, and the place of each candidate after every step.
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { json, path } from "./api.js";
import { Message, nameOf, Source } from "./parts.js";
import { texts } from "./texts.js";

const t = texts.waterfall;
const SHOWN = 20;

/** The steps in their order: every candidate has passed a beginning of them. */
function stepsOf(candidates) {
  const longest = candidates.reduce((most, each) => {
    const steps = Object.keys(each.places);
    return steps.length > most.length ? steps : most;
  }, []);
  return longest;
}

function Proposed({ proposed }) {
  const most = Math.max(1, ...Object.values(proposed));
  return html`<table class="bars sources"><caption>${t.proposed}</caption><tbody>${Object.entries(proposed).map(([name, count]) => html`
    <tr key=${name}><th scope="row" title=${name}>${texts.sources[name] ?? name}</th>
      <td class="grow"><span class="bar" style=${{ width: `${(100 * count) / most}%` }}></span></td>
      <td class="number">${count}</td></tr>`)}</tbody></table>`;
}

function Candidates({ candidates }) {
  const steps = stepsOf(candidates);
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t.candidates}><table>
    <caption>${t.candidates}</caption>
    <thead><tr><th scope="col" class="number">${t.rank}</th><th scope="col">${t.item}</th><th scope="col">${t.source}</th>
      ${steps.map((step) => html`<th scope="col" class="number" key=${step}>${t.steps[step] ?? step}</th>`)}
      <th scope="col">${t.removed}</th></tr></thead>
    <tbody>${candidates.map((each) => html`<tr key=${each.item_id} class=${each.rank === null ? "out" : ""}>
      <td class="number">${each.rank ?? "–"}</td><th scope="row"><bdi>${nameOf(each)}</bdi></th><td><${Source} name=${each.source} /></td>
      ${steps.map((step) => html`<td class="number" key=${step}>${each.places[step] ?? "–"}</td>`)}
      <td>${each.removed_by ?? ""}</td></tr>`)}</tbody></table></div>`;
}

/** `list` is what is shown now: a new one is traced again. */
export function Waterfall({ user, query, list }) {
  const [trace, setTrace] = useState(null);
  const [error, setError] = useState("");
  useEffect(() => {
    let current = true;
    json(path(["v1", "debug", "users", user, "recommendations"], query)).then(
      (found) => current && (setTrace(found), setError("")),
      (problem) => current && setError(problem.message));
    return () => { current = false; };
  }, [user, list]);
  if (error) return html`<${Message} error>${error}<//>`;
  if (!trace) return html`<${Message}>${texts.loading}<//>`;
  return html`<p class="quiet">${t.hint}</p>
    <${Proposed} proposed=${trace.proposed} />
    <${Candidates} candidates=${trace.candidates.slice(0, SHOWN)} />
    ${trace.candidates.length > SHOWN ? html`<p class="quiet">${t.more(trace.candidates.length - SHOWN)}</p>` : null}`;
}
