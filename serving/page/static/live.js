// How the lists that users had held what they did next: hit rate and NDCG of the last day, by version.
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { json } from "./api.js";
import { Message } from "./parts.js";
import { texts } from "./texts.js";

const t = texts.live;
const EVERY_MS = 15000;
const figure = (value) => (value === null ? "–" : value.toFixed(3));

function Row({ name, figures, served }) {
  return html`<tr class=${served ? "served" : ""}><th scope="row">${name}</th>
    <td class="number">${figures.events.toLocaleString("en")}</td>
    <td class="number">${figures.hit_rate === null ? "–" : `${(100 * figures.hit_rate).toFixed(1)} %`}</td>
    <td class="number">${figure(figures.ndcg)}</td><td class="number">${figure(figures.mrr)}</td></tr>`;
}

export function Live() {
  const [live, setLive] = useState(null);
  const [error, setError] = useState("");
  useEffect(() => {
    const load = () => json("v1/live?hours=24").then(
      (found) => { setLive(found); setError(""); }, (problem) => setError(problem.message));
    load();
    const again = setInterval(load, EVERY_MS);
    return () => clearInterval(again);
  }, []);
  if (error) return html`<${Message} error>${error}<//>`;
  if (!live) return html`<${Message}>${texts.loading}<//>`;
  if (!live.total.served.events) return html`<${Message}>${t.none}<//>`;
  return html`<p class="quiet">${t.hint}</p>
    <div class="scroll" tabindex="0" role="region" aria-label=${t.title}><table>
      <thead><tr><th scope="col">${t.list}</th><th scope="col" class="number">${t.events}</th><th scope="col" class="number">${t.hits}</th>
        <th scope="col" class="number">${t.ndcg}</th><th scope="col" class="number">${t.mrr}</th></tr></thead>
      <tbody><${Row} name=${t.served} figures=${live.total.served} served />
        <${Row} name=${t.retrained} figures=${live.total.retrained} />
        <${Row} name=${t.popular} figures=${live.total.popular} />
        ${Object.entries(live.by_version).map(([version, row]) => html`
          <${Row} key=${version} name=${t.version(version)} figures=${row.served} />`)}</tbody></table></div>`;
}
