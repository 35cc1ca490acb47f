// What several views share: an item with its cover, a message, a button that asks first, a part that loads when opened.
import { html, useState } from "./vendor/preact-htm.js";
import { Cover } from "./cover.js";
import { factsOf } from "./facts.js";
import { texts } from "./texts.js";

/** The title where there is one, else the id. The view library escapes both, as all text. */
export const nameOf = (item) => item.title ?? factsOf(item.item_id)?.title ?? item.item_id;

export function ItemLine({ item, rank, children }) {
  const { year, categories } = item.categories ? item : factsOf(item.item_id) ?? {};
  const said = year && nameOf(item).includes(`(${year})`); // titles of films often name their year
  const about = [said ? null : year, ...(categories ?? [])].filter(Boolean).join(" · ");
  return html`<${Cover} id=${item.item_id} />
    <div class="about">
      <div class="title">${rank ? html`<span class="rank">${rank}</span>` : null}<bdi>${nameOf(item)}</bdi>
        ${about ? html` <span class="facts"><bdi>${about}</bdi></span>` : null}</div>
      ${children}
    </div>`;
}

/** Where an item comes from, in words; the API's own name of it is the tooltip. */
export function Source({ name }) {
  return html`<span class="source" title=${name}>${texts.sources[name] ?? name}</span>`;
}

/** What a signal says, in words: its name ends at a slash, what follows are its settings. */
export const signalOf = (name) => texts.signals[name.split("/")[0]] ?? name;

/** A text in which commands stand between backticks. */
export const withCommands = (text) => text.split("`").map((part, at) => (at % 2 ? html`<code>${part}</code>` : part));

export function Message({ error, children }) {
  const shown = error ? children : [children].flat().map((each) => (typeof each === "string" ? withCommands(each) : each));
  return html`<p class=${error ? "message error" : "message"} role=${error ? "alert" : "status"}>${shown}</p>`;
}

/** A button of which the first press asks and the second one acts; `onAsk` may say what would change. */
export function SureButton({ label, sure, onSure, name, onAsk }) {
  const [asked, setAsked] = useState(false);
  const press = () => {
    if (asked) onSure();
    else onAsk?.();
    setAsked(!asked);
  };
  return html`<button type="button" class=${asked ? "sure" : ""} onClick=${press} onBlur=${() => setAsked(false)}
    aria-label=${name ? `${asked ? sure : label} ${name}` : null}>${asked ? sure : label}</button>`;
}

/** A part of a view that is made only while it is open. */
export function Fold({ label, children }) {
  const [open, setOpen] = useState(false);
  return html`<details class="fold" onToggle=${(event) => setOpen(event.currentTarget.open)}>
    <summary>${label}</summary>${open ? children() : null}</details>`;
}
