// How the lists that users had held what they did next: hit rate and NDCG of the last day, by version.
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { json } from "./api.js";
import { Chart } from "./chart.js";
import { Message } from "./parts.js";
import { texts } from "./texts.js";

const t = texts.live;
const EVERY_MS = 15000;
const figure = (value) => (value === null ? "–" : value.toFixed(3));

/** Events and hits of each hour, over all versions. */
function hourly(series) {
  const hours = new Map();
  for (const row of series) {
    const sums = hours.get(row.hour) ?? { served: [0, 0], retrained: [0, 0], popular: [0, 0] };
    for (const [name, sum] of Object.entries(sums)) {
      sum[0] += row[name].events;
      sum[1] += row[name].events * (row[name].hit_rate ?? 0);
    }
    hours.set(row.hour, sums);
  }
  return [...hours].sort(([one], [other]) => one - other);
}

function Hours({ series }) {
  const hours = hourly(series);
  if (hours.length < 2) return html`<${Message}>${t.oneHour}<//>`;
  const values = (name) => hours.map(([, sums]) => (sums[name][0] ? sums[name][1] / sums[name][0] : null));
  return html`<${Chart} name=${t.byHour} title=${t.hour} labels=${hours.map(([hour]) => new Date(hour).toISOString().slice(11, 16))}
    figure=${(rate) => (rate === null || rate === undefined ? "–" : `${(100 * rate).toFixed(1)} %`)}
    lines=${["served", "popular", "retrained"].map((name) => ({ label: t[name], values: values(name) }))} />`;
}

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
          <${Row} key=${version} name=${t.version(version)} figures=${row.served} />`)}</tbody></table></div>
    <h3>${t.byHour}</h3><${Hours} series=${live.series} />`;
}
