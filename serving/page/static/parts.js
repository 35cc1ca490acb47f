// What several views share: an item with its cover, a message, a button that asks first.
import { html, useState } from "./vendor/preact-htm.js";
import { Cover } from "./cover.js";

/** The title where there is one, else the id. The view library escapes both, as all text. */
export const nameOf = (item) => item.title ?? item.item_id;

export function ItemLine({ item, rank, children }) {
  return html`<${Cover} id=${item.item_id} />
    <div class="about">
      <div class="title">${rank ? html`<span class="rank">${rank}</span>` : null}<bdi>${nameOf(item)}</bdi></div>
      ${children}
    </div>`;
}

export function Message({ error, children }) {
  return html`<p class=${error ? "message error" : "message"} role=${error ? "alert" : "status"}>${children}</p>`;
}

/** A button of which the first press asks and the second one acts. */
export function SureButton({ label, sure, onSure, name }) {
  const [asked, setAsked] = useState(false);
  const press = () => {
    if (asked) onSure();
    setAsked(!asked);
  };
  return html`<button type="button" class=${asked ? "sure" : ""} onClick=${press} onBlur=${() => setAsked(false)}
    aria-label=${name ? `${asked ? sure : label} ${name}` : null}>${asked ? sure : label}</button>`;
}
