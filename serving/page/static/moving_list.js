// A list whose items glide to their new places, so that one sees what moved.
import { html, useLayoutEffect, useRef } from "./vendor/preact-htm.js";

const MOVE_MS = 450;

/** Children must have a `data-id`. Nothing moves where the reader prefers reduced motion. */
export function MovingList({ children, label }) {
  const list = useRef(null);
  const places = useRef(new Map());
  useLayoutEffect(() => {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const top = list.current.getBoundingClientRect().top;
    const now = new Map();
    for (const item of list.current.children) {
      now.set(item.dataset.id, item.getBoundingClientRect().top - top);
    }
    for (const item of list.current.children) {
      const before = places.current.get(item.dataset.id);
      const after = now.get(item.dataset.id);
      if (still || !places.current.size || before === after) continue;
      const start = before === undefined
        ? { opacity: 0, transform: "translateX(24px)" }
        : { transform: `translateY(${before - after}px)` };
      item.animate([start, { opacity: 1, transform: "none" }], { duration: MOVE_MS, easing: "ease-out" });
    }
    places.current = now;
  });
  return html`<ol class="items" aria-label=${label} ref=${list}>${children}</ol>`;
}
