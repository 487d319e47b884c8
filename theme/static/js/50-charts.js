// Charts: the drawing is there at once; the live chart takes its place when it comes near.
{
  const root = document.documentElement.dataset.root;
  let vega;

  const load = (name) => {
    vega ??= new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = `${root}_static/${name}`;
      script.onload = () => done(window.vegaEmbed);
      script.onerror = failed;
      document.head.append(script);
    });
    return vega;
  };

  const draw = async (chart) => {
    const embed = await load(chart.dataset.vega);
    const spec = JSON.parse(chart.querySelector("script").textContent);
    const place = document.createElement("div");
    const font = getComputedStyle(document.body).fontFamily;
    chart.append(place);
    await embed(place, { ...spec, description: chart.dataset.label }, { actions: false, renderer: "svg", config: { font } });
    chart.classList.add("live");
  };

  const near = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        draw(target);
      }
    },
    { rootMargin: "300px" },
  );
  for (const chart of document.querySelectorAll(".chart[data-vega]")) near.observe(chart);
}
