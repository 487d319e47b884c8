// Code: copied with one press; hidden cells opened and closed together.
{
  const textOf = (pre) => {
    const copy = pre.cloneNode(true);
    copy.querySelectorAll(".linenos, .gp, .go").forEach((part) => part.remove());
    return copy.textContent.replace(/\n$/, "");
  };

  for (const pre of document.querySelectorAll("article .highlight > pre")) {
    if (pre.closest(".cell_output")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", "Copy this code");
    button.addEventListener("click", async () => {
      const answer = await navigator.clipboard.writeText(textOf(pre)).then(
        () => "Copied",
        () => "Not allowed",
      );
      button.textContent = answer;
      button.classList.add("done");
      setTimeout(() => {
        button.textContent = "Copy";
        button.classList.remove("done");
      }, 1800);
    });
    pre.after(button);
  }

  const all = document.querySelector("button.all-code");
  if (all) {
    const cells = [...document.querySelectorAll("details.hide")];
    const show = () => {
      const open = cells.every((cell) => cell.open);
      all.setAttribute("aria-pressed", String(open));
      all.textContent = open ? "Hide all code" : "Show all code";
    };
    all.hidden = false;
    all.addEventListener("click", () => {
      const open = !cells.every((cell) => cell.open);
      for (const cell of cells) cell.open = open;
      show();
    });
    for (const cell of cells) cell.addEventListener("toggle", show);
    show();
  }
}
