import type { ImageLike, PictureData } from "../image/image";
import { Canvas, type Colour, type Font, loadFont, textWidth } from "./canvas";

/** A picture with a line below it. */
export interface Tile {
  readonly picture: ImageLike;
  readonly caption: string;
}

export interface GridRow {
  readonly label: string;
  /** One list per group. All pictures of a sheet have one size. */
  readonly groups: readonly (readonly Tile[])[];
}

export interface ContactGrid {
  readonly title: string;
  /** What each group of columns shows. */
  readonly headings: readonly string[];
  readonly rows: readonly GridRow[];
}

/** Pixels of the sheet per pixel of the font; captions that are wider than their tile take one. */
const textScale = 2;
const gap = 6;
const margin = 12;
const faint: Colour = [110, 110, 110];
const frame: Colour = [170, 170, 170];

/** Rows of captioned pictures in groups, each row with its name, each group with its heading. */
export async function contactGrid({ title, headings, rows }: ContactGrid): Promise<PictureData> {
  const font = await loadFont();
  const line = font.height * textScale;
  const { width, height } = rows.flatMap(({ groups }) => groups.flat())[0]?.picture ?? { width: 0, height: 0 };
  const captions = rows.flatMap(({ groups }) => groups.flat().map(({ caption }) => caption));
  const widest = (scale: number): number => Math.max(0, ...captions.map((caption) => textWidth(font, caption, scale)));
  const small = widest(textScale) > width ? 1 : textScale;
  const column = Math.max(width, widest(small)) + gap;
  const labels = Math.max(...rows.map(({ label }) => textWidth(font, label, textScale)));
  const places = headings.map((heading, group) => {
    const columns = Math.max(0, ...rows.map(({ groups }) => groups[group].length));
    const pictures = columns * column - gap;
    return columns === 0 ? 0 : Math.max(pictures, textWidth(font, heading, textScale));
  });
  const starts = places.map((_, group) =>
    places.slice(0, group).reduce((x, taken) => x + (taken > 0 ? taken + 3 * gap : 0), 2 * margin + labels),
  );
  const top = margin + 2 * (line + 2 * gap);
  const rowHeight = height + line + 4 * gap;
  const right = Math.max(...places.map((taken, group) => starts[group] + taken));
  const wide = Math.max(right, margin + textWidth(font, title, textScale)) + margin;
  const sheet = new Canvas(wide, top + rows.length * rowHeight);
  sheet.write(font, title, margin, margin, textScale);
  headings.forEach((heading, group) => {
    if (places[group] > 0) sheet.write(font, heading, starts[group], margin + line + 2 * gap, textScale, faint);
  });
  rows.forEach(({ label, groups }, row) => {
    const y = top + row * rowHeight;
    sheet.write(font, label, margin, y + Math.round((height - line) / 2), textScale);
    groups.forEach((tiles, group) => {
      tiles.forEach((tile, i) => {
        drawTile(sheet, font, tile, { x: starts[group] + i * column, y, scale: small });
      });
    });
  });
  return { data: sheet.data, width: sheet.width, height: sheet.height };
}

function drawTile(
  sheet: Canvas,
  font: Font,
  { picture, caption }: Tile,
  { x, y, scale }: { readonly x: number; readonly y: number; readonly scale: number },
): void {
  const { width, height } = picture;
  sheet.fill(x - 1, y - 1, width + 2, height + 2, frame);
  sheet.draw(picture, x, y);
  const indent = Math.max(0, Math.round((width - textWidth(font, caption, scale)) / 2));
  sheet.write(font, caption, x + indent, y + height + gap, scale, faint);
}
