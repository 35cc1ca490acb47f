// Experiments: what each compares and on whom; start and stop them, stop an arm.
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { json, path, post } from "./api.js";
import { Chart } from "./chart.js";
import { Message, SureButton } from "./parts.js";
import { texts } from "./texts.js";

const t = texts.experiments;
const LOOK_MS = 30000;
const time = (ms) => new Date(ms).toISOString().slice(0, 16).replace("T", " ");

/** When an experiment began and ended, and why it ended. */
function life({ started_at: started, stopped_at: stopped, stop_reason: reason }) {
  return [started && t.since(time(started)), stopped && t.until(time(stopped)), reason].filter(Boolean).join(" · ");
}

function Arms({ experiment, onStop }) {
  const { arms } = experiment.definition;
  const all = arms.reduce((sum, arm) => sum + arm.weight, 0);
  const stopped = new Map(experiment.stopped_arms.map((each) => [each.arm, each.reason]));
  const changes = (arm) => Object.entries(arm.parameters).filter(([, value]) => value !== null)
    .map(([name, value]) => `${name} = ${[value].flat().join(", ")}`).join("; ") || t.noChange;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t.arms(experiment.definition.name)}><table>
    <thead><tr><th scope="col">${t.arm}</th><th scope="col" class="number">${t.share}</th><th scope="col">${t.changes}</th><td></td></tr></thead>
    <tbody>${arms.map((arm, at) => html`<tr key=${arm.name} class=${stopped.has(arm.name) ? "out" : ""}>
      <th scope="row">${arm.name}${at === 0 ? html` <span class="badge">${t.control}</span>` : null}</th>
      <td class="number">${Math.round((100 * arm.weight) / all)} %</td>
      <td class="long"><bdi>${changes(arm)}</bdi></td>
      <td>${stopped.has(arm.name) ? html`<bdi>${t.stoppedArm(stopped.get(arm.name))}</bdi>`
        : experiment.state === "running" && at > 0 ? html`<${SureButton} label=${t.stopArm} sure=${t.sure} name=${arm.name}
          onSure=${() => onStop(arm.name)} />` : null}</td></tr>`)}</tbody></table></div>`;
}

const percent = (value) => (value === null || value === undefined ? "–" : `${value < 0 ? "−" : "+"}${Math.abs(100 * value).toFixed(1)} %`);

/** The lift of an arm over time, inside the interval that holds at every look. */
function Lift({ arm, looks }) {
  const seen = looks.map((look) => ({ at: look.at, ...look.arms.find((each) => each.arm === arm) }))
    .filter((each) => each.lift !== null && each.lift !== undefined);
  if (!seen.length) return html`<${Message}>${t.noLift(arm)}<//>`;
  const last = seen.at(-1);
  const verdict = last.low !== null && last.low > 0 ? t.better : last.high !== null && last.high < 0 ? t.worse : t.open;
  return html`<h4><bdi>${arm}</bdi>: ${percent(last.lift)} (${last.low === null && last.high === null ? t.noInterval : `${percent(last.low)} … ${percent(last.high)}`}), ${verdict}</h4>
    ${seen.length < 2 ? null : html`<${Chart} name=${t.liftOf(arm)} title=${t.when} figure=${percent}
      labels=${seen.map((each) => time(each.at).slice(5))}
      lines=${[{ label: t.high, values: seen.map((each) => each.high), edge: true },
        { label: t.low, values: seen.map((each) => each.low), edge: true },
        { label: t.lift, values: seen.map((each) => each.lift) }]} />`}`;
}

/** What each arm showed over time, beside the control; read again while it runs. */
function Looks({ experiment }) {
  const [looks, setLooks] = useState(null);
  const [error, setError] = useState("");
  const { name, primary } = experiment.definition;
  useEffect(() => {
    const load = () => json(path(["v1", "experiments", name, "looks"])).then(
      (found) => { setLooks(found.looks); setError(""); }, (problem) => setError(problem.message));
    load();
    const again = experiment.state === "running" ? setInterval(load, LOOK_MS) : null;
    return () => clearInterval(again);
  }, [name, experiment.run, experiment.state]);
  if (error) return html`<${Message} error>${error}<//>`;
  if (!looks) return null;
  if (!looks.length) return html`<${Message}>${t.noLooks}<//>`;
  return html`<p class="quiet">${t.looksHint(primary)}</p>
    ${experiment.definition.arms.slice(1).map((arm) => html`<${Lift} key=${arm.name} arm=${arm.name} looks=${looks} />`)}`;
}

function Experiment({ experiment, onAct }) {
  const { name, hypothesis, primary, audience } = experiment.definition;
  const about = [t.judgedBy(primary), t.audience(audience.share), audience.segment, life(experiment)];
  return html`<h3><bdi>${name}</bdi> <span class="badge">${t.states[experiment.state]}</span></h3>
    <p><bdi>${hypothesis}</bdi></p>
    <p class="quiet"><bdi>${about.filter(Boolean).join(" · ")}</bdi></p>
    <${Arms} experiment=${experiment} onStop=${(arm) => onAct(["v1", "experiments", name, "arms", arm, "stop"], {})} />
    ${experiment.state === "draft" ? null : html`<${Looks} experiment=${experiment} />`}
    <div class="row">
      ${experiment.state === "draft" ? html`<${SureButton} label=${t.start} sure=${t.sure} name=${name}
        onSure=${() => onAct(["v1", "experiments", name, "start"])} />` : null}
      ${experiment.state === "running" ? html`<${SureButton} label=${t.stop} sure=${t.sure} name=${name}
        onSure=${() => onAct(["v1", "experiments", name, "stop"], {})} />` : null}
    </div>`;
}

export function Experiments() {
  const [experiments, setExperiments] = useState(null);
  const [error, setError] = useState("");
  const failed = (problem) => setError(problem.message);
  const load = () => json("v1/experiments").then((found) => { setExperiments(found.experiments); setError(""); }, failed);
  const act = (parts, body) => post(path(parts), body).then(load, failed);
  useEffect(() => { load(); }, []);
  if (error) return html`<${Message} error>${error}<//>`;
  if (!experiments) return html`<${Message}>${texts.loading}<//>`;
  if (!experiments.length) return html`<${Message}>${t.none}<//>`;
  return experiments.map((each) => html`<${Experiment} key=${each.definition.name} experiment=${each} onAct=${act} />`);
}
