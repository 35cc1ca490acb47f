// Lines over a row of places, such as versions or hours, drawn by the plot library.
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";

const DARK = matchMedia("(prefers-color-scheme: dark)");
const HEIGHT = 240;
const STYLE = "plot-style";
/** How lines are drawn, by their place: the first one is what the chart is about. */
const STYLES = [{ colour: "--accent" }, { colour: "--quiet", dash: [6, 4] }, { colour: "--well", dash: [2, 3] }];
// An interval's bounds: what lies between them is filled.
const EDGE = { colour: "--accent", dash: [2, 3] };

/** The plot library with its style. It is more than half of the page, and only some views need it. */
async function loadPlots() {
  if (!document.getElementById(STYLE)) {
    const link = Object.assign(document.createElement("link"), { id: STYLE, rel: "stylesheet", href: "./page/vendor/uplot.css" });
    const arrived = new Promise((done) => { link.onload = done; link.onerror = done; });
    document.head.append(link);
    await arrived;
  }
  return (await import("./vendor/uplot.js")).default;
}

/** Draws the lines into `place`, as wide as it is; gives what takes them away again. */
function draw(uPlot, place, { title, labels, lines, figure }) {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  const size = () => ({ width: place.clientWidth, height: HEIGHT });
  const whole = lines.filter((line) => !line.edge);
  const seriesOf = (line) => {
    const style = line.edge ? EDGE : STYLES[whole.indexOf(line)];
    return {
      label: line.label, stroke: colour(style.colour), dash: style.dash, width: line.edge ? 1 : 2, value: (_, y) => figure(y),
      points: { show: labels.length < 40 && !line.edge },
    };
  };
  const plot = new uPlot({
    ...size(),
    padding: [12, 44, 0, 0],
    scales: { x: { time: false } },
    axes: [{ ...axis, space: 70, incrs: [1, 2, 5, 10, 20, 50, 100, 200], values: (_, at) => at.map((each) => labels[each] ?? "") }, { ...axis, size: 84, values: (_, all) => all.map(figure) }],
    series: [{ label: title, value: (_, at) => labels[at] ?? "–" }, ...lines.map(seriesOf)],
    bands: lines.some((line) => line.edge) ? [{ series: [1, 2], fill: colour("--soft") }] : [], // the upper bound, the lower one
  }, [labels.map((_, at) => at), ...lines.map((line) => line.values)], place);
  const watch = new ResizeObserver(() => plot.setSize(size()));
  watch.observe(place);
  return () => { watch.disconnect(); plot.destroy(); };
}

/**
 * `labels` names the places, `lines` has a value or null for each place. The first two lines are the
 * upper and the lower bound of an interval where they say `edge`; the line that follows them is drawn over it.
 */
export function Chart({ name, title, labels, lines, figure }) {
  const place = useRef(null);
  const [isDark, setDark] = useState(DARK.matches); // a plot has the colours of the moment when it is drawn
  useEffect(() => {
    const follow = () => setDark(DARK.matches);
    DARK.addEventListener("change", follow);
    return () => DARK.removeEventListener("change", follow);
  }, []);
  const told = JSON.stringify([title, labels, lines]);
  useEffect(() => {
    let ended = false;
    let end = () => {};
    loadPlots().then((uPlot) => {
      if (!ended) end = draw(uPlot, place.current, { title, labels, lines, figure });
    });
    return () => { ended = true; end(); };
  }, [told, isDark]);
  return html`<div class="plot" role="group" aria-label=${name} ref=${place}></div>`;
}
