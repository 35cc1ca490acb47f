// The page's frame: which view is open, and the question for a key.
import { html, render, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { onKeyNeeded } from "./api.js";
import { withCommands } from "./parts.js";
import { texts } from "./texts.js";
import { UserView } from "./view_user.js";
import { NowView } from "./view_now.js";
import { ModelsView } from "./view_models.js";
import { CatalogueView } from "./view_catalogue.js";

const VIEWS = { user: UserView, now: NowView, models: ModelsView, catalogue: CatalogueView };
/** The view that the address names, and what it is about: "#user/u7". */
function chosen() {
  const [name, about] = location.hash.slice(1).split("/");
  try {
    return name in VIEWS ? { view: name, about: about && decodeURIComponent(about) } : { view: "user" };
  } catch {
    return { view: name }; // what follows the name was not escaped
  }
}

function KeyDialog() {
  const dialog = useRef(null);
  const settle = useRef(() => {});
  const asking = useRef(null);
  const [value, setValue] = useState("");
  const [refused, setRefused] = useState(false);
  useEffect(() => {
    // Several requests may need the key at once: all wait for one answer.
    onKeyNeeded((wasRefused) => {
      asking.current ??= new Promise((done) => {
        settle.current = done;
        setRefused(wasRefused);
        setValue("");
        dialog.current.showModal();
      }).finally(() => { asking.current = null; });
      return asking.current;
    });
  }, []);
  const finish = (answer) => {
    settle.current(answer);
    setValue("");
    dialog.current.close();
  };
  const use = (event) => { event.preventDefault(); if (value) finish(value); };
  return html`<dialog ref=${dialog} aria-labelledby="key-text" onCancel=${() => finish(null)}>
    <form onSubmit=${use}>
      <p id="key-text">${texts.key.ask}</p>
      ${refused ? html`<p class="message error" role="alert">${texts.key.refused}</p>` : null}
      <label>${texts.key.label}
        <input type="password" autocomplete="off" value=${value} onInput=${(e) => setValue(e.target.value)} />
      </label>
      <div class="row">
        <button class="main" type="submit">${texts.key.use}</button>
        <button type="button" onClick=${() => finish(null)}>${texts.key.cancel}</button>
      </div>
    </form>
  </dialog>`;
}

function App() {
  const [{ view, about }, setView] = useState(chosen());
  useEffect(() => {
    const follow = () => setView(chosen());
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  useEffect(() => { document.title = `${texts.views[view]} · ${texts.name}`; }, [view]);
  const skip = (event) => { event.preventDefault(); document.getElementById("content").focus(); };
  return html`
    <a class="skip" href="#content" onClick=${skip}>${texts.skip}</a>
    <header>
      <span class="brand"><img src="./page/icon.svg" alt="" width="24" height="24" />${texts.name}</span>
      <nav aria-label="Views">${Object.keys(VIEWS).map((name) => html`
        <a href=${`#${name}`} aria-current=${name === view ? "page" : null}>${texts.views[name]}</a>`)}
      </nav>
      <a class="docs" href="./docs">${texts.docs}</a>
    </header>
    <main id="content" tabindex="-1"><${VIEWS[view]} key=${`${view}/${about}`} wanted=${about} /></main>
    <footer><a href="./docs">${texts.footer.reference}</a> · <a href="./openapi.json">${texts.footer.openapi}</a> · ${withCommands(texts.footer.guides)}</footer>
    <${KeyDialog} />`;
}

render(html`<${App} />`, document.getElementById("app"));
