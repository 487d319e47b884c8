// Charts: the drawing is there at once; the live chart takes its place when it comes near.
{
  const root = document.documentElement.dataset.root;
  const live = new Map();
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

  const colours = () => {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(`--${name}`).trim();
    const labels = { labelColor: of("ink"), titleColor: of("ink"), gridColor: of("line"), domainColor: of("strong-line") };
    return {
      background: "transparent",
      font: getComputedStyle(document.body).fontFamily,
      axis: { ...labels, tickColor: of("strong-line"), labelFontSize: 12, titleFontSize: 13 },
      legend: { ...labels, labelFontSize: 12, titleFontSize: 13 },
      header: labels,
      title: { color: of("ink") },
      text: { color: of("ink") },
      view: { stroke: "transparent" },
    };
  };

  const draw = async (chart) => {
    const embed = await load(chart.dataset.vega);
    const spec = JSON.parse(chart.querySelector("script").textContent);
    const place = live.get(chart)?.place ?? document.createElement("div");
    live.get(chart)?.view.finalize();
    chart.append(place);
    const options = { actions: false, renderer: "svg", config: { ...spec.config, ...colours() }, tooltip: { theme: "custom" } };
    delete spec.config;
    const { view } = await embed(place, { ...spec, description: chart.dataset.label }, options);
    live.set(chart, { view, place });
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
  document.addEventListener("themechange", () => live.forEach((_, chart) => draw(chart)));
}
