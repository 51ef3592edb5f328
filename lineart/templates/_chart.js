// Pointing at a chart shows the values there in its key; without this they are in a tooltip.
for (const chart of document.querySelectorAll(".chart")) {
  const values = [...chart.querySelectorAll(".keys b")], at = chart.querySelector("output");
  for (const reading of chart.querySelectorAll(".reading")) {
    const title = reading.querySelector("title");
    const [images, ...lines] = title.textContent.split(/\n+/);
    title.remove();
    reading.addEventListener("pointerenter", () => {
      at.textContent = "at " + images;
      lines.forEach((line, number) => { values[number].textContent = line.slice(line.lastIndexOf(": ") + 2); });
    });
  }
  chart.querySelector(".axes").addEventListener("pointerleave", () => {
    for (const shown of [...values, at]) shown.textContent = shown.dataset.last;
  });
}
