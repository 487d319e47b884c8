// Search: Pagefind's index, read piece by piece from the site itself, answers while the reader types.
{
  const root = document.documentElement.dataset.root;
  const RANKING = { termFrequency: 1, pageLength: 0, termSaturation: 2, metaWeights: { title: 5 } };
  const LIMIT = 10;
  const BELOW = 3;
  let engine;

  const load = () => {
    engine ??= import(new URL(`${root}pagefind/pagefind.js`, location.href).href).then(async (found) => {
      await found.options({ noWorker: true, excerptLength: 22, ranking: RANKING });
      await found.init();
      found.preload("a"); // brings the engine itself, before the first letter is typed
      return found;
    });
    return engine;
  };

  // "optimization" and "optimisation" are one word: both are looked for, and each page counts once, at its best.
  const bothSpellings = async (found, query) => {
    const other = query.replace(/i([sz])(?=(ation|ations|e|ed|er|ers|es|ing)\b)/g, (_, letter) => (letter === "s" ? "iz" : "is"));
    const answers = await Promise.all([...new Set([query, other])].map((words) => found.search(words)));
    const best = new Map();
    for (const result of answers.flatMap(({ results }) => results)) {
      if (!(best.get(result.id)?.score >= result.score)) best.set(result.id, result);
    }
    return [...best.values()].sort((a, b) => b.score - a.score);
  };

  const line = (url, title, excerpt, kind) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    const name = document.createElement("strong");
    const words = document.createElement("span");
    if (kind) item.className = kind;
    link.href = url;
    name.textContent = title;
    words.innerHTML = excerpt;
    link.append(name, words);
    item.append(link);
    return item;
  };

  const answersOf = ({ meta, url, excerpt, sub_results: parts }) => {
    const top = line(url, meta.title, excerpt);
    const below = parts.filter((part) => part.url !== url).slice(0, BELOW);
    return [top, ...below.map((part) => line(part.url, part.title, part.excerpt, "below"))];
  };

  // Pagefind falls back to ever shorter beginnings of a word; what shares less than half of it is no answer.
  const close = (word, match) => {
    let same = 0;
    while (same < word.length && word[same] === match[same]) same += 1;
    return same >= Math.min(word.length, Math.max(3, Math.ceil(word.length / 2)));
  };
  const wordsOf = (text) => text.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean);

  const exactFirst = (pages, query) => {
    const text = query.toLowerCase();
    const words = wordsOf(query);
    const has = ({ content }) => content.toLowerCase().includes(text);
    const near = ({ content, places }) => {
      const all = content.split(/\s+/); // as Pagefind counts them
      const matched = places.flatMap((place) => wordsOf(all[place] ?? ""));
      return matched.some((match) => words.some((word) => close(word, match)));
    };
    const good = pages.filter((page) => has(page) || near(page));
    return /[_.]/.test(query) ? [...good.filter(has), ...good.filter((page) => !has(page))] : good;
  };

  // Pagefind keeps one object per page and writes each new query's excerpt into it: a copy stays as it was.
  const pageOf = async (result) => ({ ...(await result.data()), places: result.words });
  const pagesOf = async (results, query) => exactFirst(await Promise.all(results.map(pageOf)), query);

  const prepare = (form) => {
    const input = form.querySelector("input");
    const panel = form.querySelector(".panel");
    if (!panel) return;
    const wide = form.classList.contains("wide");
    const summary = document.createElement("p");
    const list = document.createElement("ul");
    let last = 0;
    let asked = null; // the query that is being answered, or was
    let answer = null;
    summary.className = "search-summary";
    summary.setAttribute("role", "status");
    list.className = "search-results";
    panel.append(summary, list);

    const say = (text) => {
      summary.textContent = text;
      panel.hidden = false;
    };

    // Enter on a query that is under way, or answered, waits for that answer instead of asking again.
    const search = () => {
      const query = input.value.trim();
      if (query !== asked) {
        asked = query;
        answer = find(query);
      }
      return answer;
    };

    const find = async (query) => {
      const turn = ++last;
      if (!query) {
        panel.hidden = !wide;
        list.replaceChildren();
        summary.textContent = "";
        return;
      }
      const found = await load().catch(() => null);
      if (!found) asked = null;
      if (!found) return say("Search works when a server delivers the site: python -m http.server in its folder will do.");
      const results = await bothSpellings(found, query);
      const named = /[_.]/.test(query);
      const nearest = results.slice(0, named ? 3 * LIMIT : LIMIT);
      const top = named ? [] : await pagesOf(nearest.slice(0, 1), query);
      if (turn !== last) return;
      list.replaceChildren(...top.flatMap(answersOf));
      panel.hidden = !top.length;
      const others = await pagesOf(named ? nearest : nearest.slice(1), query);
      if (turn !== last) return;
      list.append(...others.slice(0, LIMIT - top.length).flatMap(answersOf));
      const count = results.length - nearest.length + top.length + others.length;
      if (!list.children.length) say(`Nothing in the book matches “${query}”: no results.`);
      else say(count === 1 ? "1 page" : `${count} pages`);
      list.dataset.query = query; // the answer is whole
    };

    const move = (event) => {
      const stops = [input, ...list.querySelectorAll("a")];
      const at = stops.indexOf(document.activeElement);
      const next = stops[at + (event.key === "ArrowDown" ? 1 : -1)];
      if (at < 0 || !next) return;
      event.preventDefault();
      next.focus();
    };

    for (const sign of ["focus", "pointerenter"]) {
      input.addEventListener(sign, () => load().catch(() => null), { once: true });
    }
    input.addEventListener("input", search);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      await search();
      const first = list.querySelector("a");
      if (first) panel.hidden = false; // it may have been closed since
      if (first && document.activeElement === input) first.focus();
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") move(event);
      if (event.key === "Escape" && !wide) {
        panel.hidden = true;
        input.focus();
      }
    });
    document.addEventListener("click", (event) => {
      if (!wide && !form.contains(event.target)) panel.hidden = true;
    });
    if (wide) {
      input.value = new URLSearchParams(location.search).get("q") ?? "";
      input.focus();
      search();
    }
  };

  const forms = [...document.querySelectorAll("form.search")];
  forms.forEach(prepare);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (!((event.ctrlKey || event.metaKey) && event.key === "k") && !(event.key === "/" && !typing)) return;
    const input = forms.map((form) => form.querySelector("input")).find((each) => each.offsetParent);
    if (!input) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
}
