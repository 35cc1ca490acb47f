// A cover for an item, drawn from its id alone: the same id has the same cover everywhere.
import { html } from "./vendor/preact-htm.js";

/** Four bytes of an id that differ where ids differ (FNV-1a). */
export function digest(id) {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(id)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0;
}

export function Cover({ id }) {
  const hash = digest(id);
  const hue = hash % 360;
  const other = (hue + 40 + ((hash >>> 9) % 120)) % 360;
  const x = 8 + ((hash >>> 4) % 32);
  const y = 10 + ((hash >>> 12) % 44);
  const r = 10 + ((hash >>> 18) % 16);
  const tilt = (hash >>> 22) % 180;
  return html`<svg class="cover" viewBox="0 0 48 64" aria-hidden="true" focusable="false">
    <rect width="48" height="64" fill=${`hsl(${hue} 45% 42%)`} />
    <rect x="-20" y="26" width="90" height="14" fill=${`hsl(${other} 55% 62%)`} transform=${`rotate(${tilt} 24 32)`} />
    <circle cx=${x} cy=${y} r=${r} fill=${`hsl(${other} 60% 78%)`} fill-opacity="0.75" />
  </svg>`;
}
