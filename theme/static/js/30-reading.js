// Reading: what scrolls can be reached by keyboard and nothing else is; the section in view is marked.
{
  const boxes = [...document.querySelectorAll("pre[tabindex], .table-scroll, .math-scroll, .figure-scroll")];
  const widths = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth + 1) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
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
