// "Models": versions, the gate's decisions with their intervals, the learning curve, experiments; promote, roll back.
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { json, path, post } from "./api.js";
import { Chart } from "./chart.js";
import { Experiments } from "./experiments.js";
import { Message, signalOf, SureButton } from "./parts.js";
import { texts } from "./texts.js";

const t = texts.models;
const figure = (value) => (value === undefined || value === null ? "–" : value.toFixed(3));
const date = (text) => (text ? text.slice(0, 16).replace("T", " ") : "–");

/** The versions before the served one, then itself: what its manifest keeps of its history. */
function pointsOf(model) {
  const last = { version: model.version, ndcg: model.metrics["ndcg@10"], popularity: model.metrics["popularity_ndcg@10"] };
  const before = (model.history ?? []).filter((point) => point.version !== model.version);
  return [...before, last].filter((point) => point.ndcg !== null && point.ndcg !== undefined);
}

/** The time in a version's name, where it has one, as on a clock; else its end. */
function shortName(version) {
  const time = /^\d{8}T(\d{2})(\d{2})\d{2}-/.exec(version);
  return time ? `${time[1]}:${time[2]}` : version.slice(-8);
}

function Curve({ points }) {
  if (points.length < 2) return html`<${Message}>${t.fewPoints}<//>`;
  return html`<${Chart} name=${t.curve} title=${t.version} labels=${points.map((each) => shortName(each.version))} figure=${figure}
    lines=${[{ label: t.ndcg, values: points.map((each) => each.ndcg) },
      { label: t.popularity, values: points.map((each) => each.popularity ?? null) }]} />`;
}

/** A difference with its interval, drawn on a scale around zero. */
function Interval({ triple, most }) {
  const [mean, low, high] = triple;
  const x = (value) => 100 + (95 * value) / most;
  return html`<svg class=${low > 0 ? "interval better" : high < 0 ? "interval worse" : "interval"} viewBox="0 0 200 16"
    aria-hidden="true" preserveAspectRatio="none">
    <line x1="100" x2="100" y1="0" y2="16" class="zero" />
    <line x1=${x(low)} x2=${x(high)} y1="8" y2="8" class="range" />
    <line x1=${x(mean)} x2=${x(mean)} y1="3" y2="13" class="range" /></svg>`;
}

function Gate({ model }) {
  const gate = model.gate;
  if (!gate) return html`<${Message}>${t.noGate}<//>`;
  const rows = Object.entries(gate.differences ?? {});
  const most = Math.max(1e-9, ...rows.flatMap(([, triple]) => triple.map(Math.abs)));
  return html`<p><strong>${gate.publish ? t.publish : t.refuse}</strong>: ${gate.reason}</p>
    ${model.cause ? html`<p>${t.cause(model.cause)}</p>` : null}
    ${model.counts ? html`<p class="quiet">${t.trained(model.counts)}</p>` : null}
    ${rows.length ? html`<p class="quiet">${t.differences}</p>
    <div class="scroll" tabindex="0" role="region" aria-label=${t.differences}><table>
      <thead><tr><th scope="col">${t.rival}</th><th scope="col" class="number">${t.mean}</th><th scope="col" class="number">${t.interval}</th><th scope="col" class="interval-head">${t.side}</th></tr></thead>
      <tbody>${rows.map(([rival, triple]) => html`<tr key=${rival}><th scope="row">${texts.rivals[rival] ?? rival}</th>
        <td class="number">${figure(triple[0])}</td>
        <td class="number">${figure(triple[1])} … ${figure(triple[2])}</td>
        <td><${Interval} triple=${triple} most=${most} /></td></tr>`)}</tbody></table></div>` : null}`;
}

/** The weights of the blend, and how far each signal comes alone. */
function Learnt({ blend }) {
  if (!blend) return html`<${Message}>${t.noBlend}<//>`;
  const { hot, cold } = blend;
  const signals = [...new Set([...Object.keys(hot.weights), ...Object.keys(cold.weights)])];
  const most = Math.max(1e-9, ...signals.flatMap((name) => [hot, cold].map((part) => Math.abs(part.weights[name] ?? 0))));
  const weight = (value) => html`<td class="weight"><span class=${value < 0 ? "bar against" : "bar"}
      style=${{ width: `${(100 * Math.abs(value)) / most}%` }}></span></td><td class="number">${figure(value)}</td>`;
  return html`<p class="quiet">${t.learntHint}</p>
    <div class="scroll" tabindex="0" role="region" aria-label=${t.signal}><table>
      <thead><tr><th scope="col">${t.signal}</th><th scope="col" colspan="2">${t.hot}</th><th scope="col" colspan="2">${t.cold}</th>
        <th scope="col" class="number">${t.alone}</th></tr></thead>
      <tbody>${signals.map((name) => html`<tr key=${name}><th scope="row" class="signal">${signalOf(name)} <span class="facts">${name}</span></th>
        ${weight(hot.weights[name] ?? 0)}${weight(cold.weights[name] ?? 0)}<td class="number">${figure(hot.alone[name])}</td></tr>`)}</tbody></table></div>
    ${hot.why ? html`<p class="quiet">${t.chosen(hot.why)}</p>` : null}`;
}

function Decisions({ decisions }) {
  if (!decisions.length) return html`<${Message}>${t.noDecisions}<//>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t.decisions}><table>
    <thead><tr><th scope="col">${t.when}</th><th scope="col">${t.what}</th><th scope="col">${t.version}</th>
      <th scope="col">${t.by}</th><th scope="col">${t.reason}</th></tr></thead>
    <tbody>${decisions.map((line) => html`<tr key=${line.at + line.action + line.to}>
      <td>${date(line.at)}</td><td>${t.actions[line.action] ?? line.action}</td><th scope="row">${line.to}</th>
      <td><bdi>${line.by}</bdi></td><td class="long"><bdi>${line.reason}</bdi></td></tr>`)}</tbody></table></div>`;
}

function Versions({ models, shown, onShow, onMove }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t.versions}><table>
    <thead><tr><th scope="col">${t.version}</th><th scope="col" class="roomy">${t.created}</th><th scope="col" class="number">${t.ndcg}</th>
      <th scope="col" class="number">${t.popularity}</th><td></td></tr></thead>
    <tbody>${models.map((each) => html`<tr key=${each.version} class=${each.served ? "served" : ""}>
      <th scope="row"><button type="button" class="plain" aria-pressed=${each.version === shown}
        onClick=${() => onShow(each.version)}>${each.version}</button></th><td class="roomy">${date(each.created_at)}</td>
      <td class="number">${figure(each.metrics["ndcg@10"])}</td>
      <td class="number">${figure(each.metrics["popularity_ndcg@10"])}</td>
      <td>${each.served ? html`<span class="badge">${t.served}</span>
        ${each.previous ? html`<${SureButton} label=${t.rollback} sure=${t.sure(t.rollback)}
          onSure=${() => onMove("v1/models/rollback")} />` : null}`
        : html`<${SureButton} label=${t.promote} sure=${t.sure(t.promote)} name=${each.version}
          onSure=${() => onMove(path(["v1", "models", each.version, "promote"]))} />`}</td></tr>`)}</tbody>
  </table></div>`;
}

export function ModelsView() {
  const [state, setState] = useState({ models: null, model: null, decisions: [], points: [], note: "", error: "" });
  const failed = (error) => setState((before) => ({ ...before, error: error.message, note: "" }));
  const show = (version) => json(path(["page", "versions", version])).then(
    (model) => setState((before) => ({ ...before, model, error: "" })), failed);
  const load = async (note = "") => {
    try {
      const { models } = await json("v1/models");
      const model = models.some((each) => each.served) ? await json("v1/model") : null;
      const decisions = await json("page/decisions");
      setState({ models, model, decisions, points: model ? pointsOf(model) : [], note, error: "" });
    } catch (error) {
      failed(error);
    }
  };
  const move = async (url) => {
    try {
      await load(t.moved((await post(url)).served));
    } catch (error) {
      failed(error);
    }
  };
  useEffect(() => { load(); }, []);
  const { models, model, decisions, points, note, error } = state;
  const shown = model?.version;
  return html`<h1>${t.lead}</h1>
    <p class="about-view">${t.about}</p>
    <p class="note tight" role="status">${note}</p>
    ${error ? html`<${Message} error>${error}<//>` : null}
    ${models === null ? (error ? null : html`<${Message}>${texts.loading}<//>`)
      : !models.length ? html`<${Message}>${t.none}<//>` : html`
      <section><h2>${t.versions}</h2><p class="quiet">${t.chooseOne}</p>
        <${Versions} models=${models} shown=${shown} onShow=${show} onMove=${move} /></section>
      ${model ? html`<section><h2>${t.gate(shown)}</h2><${Gate} model=${model} /></section>
        <section><h2>${t.learnt(shown)}</h2><${Learnt} blend=${models.find((each) => each.version === shown)?.blend} /></section>
        <section><h2>${t.curve}</h2><${Curve} points=${points} /></section>` : null}
      <section><h2>${t.decisions}</h2><${Decisions} decisions=${decisions} /></section>`}
    <section><h2>${texts.experiments.title}</h2><${Experiments} /></section>`;
}
