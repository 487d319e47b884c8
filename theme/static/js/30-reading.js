// Reading: a page is laid out section by section; what scrolls can be reached by keyboard and nothing else is; the
// section in view is marked.
{
  // One section after the other, each in a task of its own: formulas are many small boxes, and all at once they would
  // keep the page from answering. A reader who comes to a place inside the page gets it whole, so that it stays there.
  const waiting = [...document.querySelectorAll("article > section > section")];
  const layOut = () => {
    const section = waiting.shift();
    if (!section) return;
    section.classList.add("laid");
    section.getBoundingClientRect(); // now, not together with the next ones
    if (location.hash) layOut();
    else setTimeout(layOut);
  };
  if (location.hash) layOut();
  else requestAnimationFrame(() => setTimeout(layOut));

  const boxes = [...document.querySelectorAll("pre[tabindex], .table-scroll, .math-scroll, .figure-scroll")];
  const widths = new ResizeObserver((entries) => {
    const boxes = entries.map(({ target }) => [target, target.scrollWidth > target.clientWidth + 1]); // measure all, then change
    for (const [box, scrolls] of boxes) {
      if (scrolls) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  });
  for (const box of boxes) widths.observe(box);

  const here = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const around = here && here.closest("details:not([open])");
  if (around) around.open = true;

  const links = new Map();
  for (const link of document.querySelectorAll("nav.sections a")) {
    links.set(decodeURIComponent(link.hash.slice(1)), link);
  }
  const seen = new Set();
  const mark = () => {
    const first = [...links.keys()].find((id) => seen.has(id));
    if (!first) return;
    for (const [id, link] of links) link.classList.toggle("here", id === first);
  };
  const watch = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) seen.add(target.dataset.section);
        else seen.delete(target.dataset.section);
      }
      mark();
    },
    { rootMargin: "-80px 0px -70% 0px" },
  );
  for (const id of links.keys()) {
    const section = document.getElementById(id);
    if (!section) continue;
    for (const part of section.children) {
      if (part.tagName === "SECTION") continue;
      part.dataset.section = id;
      watch.observe(part);
    }
  }
}
