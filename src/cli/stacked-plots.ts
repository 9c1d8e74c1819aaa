/** SVG documents one below the other as one document. */
export function stacked(plots: readonly string[]): string {
  if (plots.length === 1) return plots[0];
  let top = 0;
  const placed = plots.map((plot) => {
    const moved = plot.replace("<svg ", `<svg y="${top}" `);
    top += sideOf(plot, "height");
    return moved;
  });
  const width = Math.max(...plots.map((plot) => sideOf(plot, "width")));
  const open = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${top}" width="${width}" height="${top}">`;
  return `${open}\n${placed.join("")}</svg>\n`;
}

/** As `signalPlot` writes it in the first tag. */
const sideOf = (plot: string, side: "width" | "height"): number =>
  Number(new RegExp(`^<svg [^>]*\\b${side}="([\\d.]+)"`).exec(plot)?.[1]);
