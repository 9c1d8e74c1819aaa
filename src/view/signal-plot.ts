import { checkOptions, show } from "../checks";
import { InputError, OptionError, ShapeError } from "../errors";
import { guarded } from "../guard";
import { showShape, type Tensor } from "../tensor";
import { colormapTable, levelOf } from "./colormap";
import { checkHeatmap, type Heatmap } from "./heatmap";

export interface SignalPlotOptions {
  /** Printed above. */
  readonly title?: string;
  /** Samples per second: the axis then shows seconds. Default: it shows samples. */
  readonly sampleRate?: number;
  /** One name per channel, beside its axis. */
  readonly channelNames?: readonly string[];
  /** Stretches of samples to mark below the first channel, `[first, last)`: where an expert would look, say. */
  readonly marks?: readonly (readonly [first: number, end: number])[];
  /** What the marks are. */
  readonly markLabel?: string;
  /** Default 'reds', for signed heatmaps 'red-blue'. */
  readonly colormap?: string;
  /** Pixels; default 800. */
  readonly width?: number;
  /** Pixels of each channel's panel; default 140. */
  readonly panelHeight?: number;
}

const left = 58;
const right = 14;
const gap = 14;
const axisHeight = 38;
const legendWidth = 120;
/** Colours are drawn in so many steps, so that equal neighbours share one rectangle. */
const shades = 48;

/**
 * Draws a signal over the colours of its attribution, as SVG text: a panel per channel with axes, and a legend.
 *
 * Behind each sample lies the colour of the heatmap there; a heatmap with one row colours all channels alike, one with a row
 * per channel (`heatmap(attribution, { channels: "each" })`) each by its own values.
 *
 * @param signal   `[1, C, L]`
 * @param heatmap  of an attribution of that signal
 * @returns an SVG document; it needs no fonts but the reader's own
 * @throws {ShapeError} if the signal is no signal or the heatmap is of another length; {OptionError} if an option is out of range
 * @example
 * const attribution = await integratedGradients(model, signal);
 * const svg = signalPlot(signal, heatmap(attribution), { sampleRate: 100 });
 */
export function signalPlot(signal: Tensor, heatmap: Heatmap, options: SignalPlotOptions = {}): string {
  return guarded("signalPlot", () => {
    checkOptions("signalPlot", options, [
      "title",
      "sampleRate",
      "channelNames",
      "marks",
      "markLabel",
      "colormap",
      "width",
      "panelHeight",
    ]);
    const { width = 800, panelHeight = 140, sampleRate, title, channelNames, marks = [] } = options;
    const { colormap = heatmap?.signed ? "red-blue" : "reds" } = options;
    const [channels, length] = checkParts(signal, heatmap, options);
    const top = title === undefined ? 30 : 52;
    const plotWidth = width - left - right;
    const x = (sample: number): number => left + (sample / length) * plotWidth;
    const parts: string[] = [];
    if (title !== undefined) parts.push(text(left, 22, title, "start", 15, "bold"));
    parts.push(legend(width - right - legendWidth, top - 20, heatmap.signed, colormap));
    for (let channel = 0; channel < channels; channel++) {
      const panelTop = top + channel * (panelHeight + gap);
      const values = signal.data.subarray(channel * length, (channel + 1) * length);
      const heat = heatmap.data.subarray(heatmap.height === 1 ? 0 : channel * length);
      for (const strip of strips(heat, length, heatmap.signed, colormap, x, panelTop, panelHeight)) parts.push(strip);
      for (const line of curve(values, x, panelTop, panelHeight)) parts.push(line);
      parts.push(
        `<rect x="${left}" y="${panelTop}" width="${plotWidth}" height="${panelHeight}" fill="none" stroke="#888"/>`,
      );
      const name = channelNames?.[channel];
      if (name !== undefined) parts.push(text(left + 6, panelTop + 16, name, "start", 12, "bold"));
    }
    const bottom = top + channels * (panelHeight + gap) - gap;
    for (const [first, end] of marks) {
      const [from, to] = [round(x(first)), round(x(end))];
      parts.push(`<rect x="${from}" y="${bottom + 3}" width="${round(to - from)}" height="4" fill="#1a9850"/>`);
    }
    if (marks.length > 0 && options.markLabel) {
      parts.push(`<rect x="${left}" y="${top - 13}" width="14" height="4" fill="#1a9850"/>`);
      parts.push(text(left + 20, top - 7, options.markLabel, "start", 11));
    }
    const perTick = sampleRate ?? 1;
    for (const tick of ticks(0, length / perTick, 8)) {
      const at = round(x(tick * perTick));
      parts.push(`<path d="M${at} ${bottom}v${marks.length > 0 ? 10 : 5}" stroke="#555"/>`);
      parts.push(text(at, bottom + 22, shown(tick), "middle", 11));
    }
    parts.push(text(width - right, bottom + 36, sampleRate === undefined ? "sample" : "seconds", "end", 11));
    const height = bottom + axisHeight + 4;
    const name = title ?? "A signal and its attribution";
    return (
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ` +
      `font-family="sans-serif" role="img"><title>${escapeXml(name)}</title>` +
      `<rect width="${width}" height="${height}" fill="white"/>\n${parts.join("\n")}\n</svg>\n`
    );
  });
}

function checkParts(signal: Tensor, heatmap: Heatmap, options: SignalPlotOptions): readonly [number, number] {
  const shape = signal?.shape ?? [];
  if (shape.length !== 3 || shape[0] !== 1 || signal.data.length === 0) {
    throw new ShapeError(
      `signalPlot takes a signal [1, C, L], got ${shape.length === 0 ? typeof signal : showShape(shape)}.`,
    );
  }
  const [, channels, length] = shape;
  checkHeatmap(heatmap, "signalPlot(signal, heatmap(attribution))");
  if (heatmap.width !== length || (heatmap.height !== 1 && heatmap.height !== channels)) {
    throw new ShapeError(
      `The heatmap is ${heatmap.height}×${heatmap.width}, the signal has ${channels} channels of ${length} samples.`,
    );
  }
  const broken = signal.data.findIndex((value) => !Number.isFinite(value));
  if (broken >= 0) throw new InputError(`The signal has the value ${signal.data[broken]} at element ${broken}.`);
  const { width = 800, panelHeight = 140, sampleRate, marks = [] } = options;
  if (!(typeof width === "number" && width >= 240))
    throw new OptionError(`width must be at least 240, got ${show(width)}.`);
  if (!(typeof panelHeight === "number" && panelHeight >= 20))
    throw new OptionError(`panelHeight must be at least 20, got ${show(panelHeight)}.`);
  if (sampleRate !== undefined && !(typeof sampleRate === "number" && sampleRate > 0 && Number.isFinite(sampleRate))) {
    throw new OptionError(`sampleRate must be a number above 0, got ${show(sampleRate)}.`);
  }
  const wrong = marks.find(([first, end]) => !(first >= 0 && first < end && end <= length));
  if (wrong) throw new OptionError(`The mark [${wrong.join(", ")}] does not lie in the signal's ${length} samples.`);
  return [channels, length];
}

/** A rectangle behind each run of samples with one colour. */
function strips(
  heat: Float32Array,
  length: number,
  signed: boolean,
  colormap: string,
  x: (sample: number) => number,
  top: number,
  height: number,
): string[] {
  const colourAt = (sample: number): string => colour(Math.round(heat[sample] * shades) / shades, signed, colormap);
  const out: string[] = [];
  for (let start = 0, end = 1; start < length; start = end, end++) {
    while (end < length && colourAt(end) === colourAt(start)) end++;
    const from = round(x(start));
    out.push(
      `<rect x="${from}" y="${top}" width="${round(x(end) - from)}" height="${height}" fill="${colourAt(start)}" shape-rendering="crispEdges"/>`,
    );
  }
  return out;
}

/** The samples as a line, with the ticks of its own vertical axis. */
function curve(values: Float32Array, x: (sample: number) => number, top: number, height: number): string[] {
  const [low, high] = extremes(values);
  const margin = (high - low || Math.abs(high) || 1) * 0.08;
  const y = (value: number): number => top + height - ((value - low + margin) / (high - low + 2 * margin)) * height;
  const points = Array.from(values, (value, i) => `${round(x(i + 0.5))} ${round(y(value))}`);
  const axis = ticks(low - margin, high + margin, 4).flatMap((tick) => [
    `<path d="M${left - 4} ${round(y(tick))}h4" stroke="#555"/>`,
    text(left - 7, round(y(tick)) + 4, shown(tick), "end", 11),
  ]);
  const line = `d="M${points.join("L")}" fill="none" stroke-linejoin="round"`;
  // A pale seam keeps the line apart from dark colours.
  const seam = `<path ${line} stroke="white" stroke-opacity="0.7" stroke-width="4"/>`;
  return [...axis, seam, `<path ${line} stroke="#111" stroke-width="1.4"/>`];
}

const extremes = (values: Float32Array): [number, number] =>
  values.reduce<[number, number]>(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );

function legend(from: number, top: number, signed: boolean, colormap: string): string {
  const steps = 24;
  const cells = Array.from({ length: steps }, (_, i) => {
    const share = i / (steps - 1);
    const fill = colour(signed ? 2 * share - 1 : share, signed, colormap);
    return `<rect x="${round(from + (i * legendWidth) / steps)}" y="${top}" width="${legendWidth / steps}" height="9" fill="${fill}" shape-rendering="crispEdges"/>`;
  });
  const [low, high] = signed ? ["against", "for"] : ["little", "much"];
  return [text(from - 6, top + 9, low, "end", 11), ...cells, text(from + legendWidth, top - 3, high, "end", 11)].join(
    "",
  );
}

function colour(value: number, signed: boolean, colormap: string): string {
  const at = levelOf(value, signed, colormap) * 3;
  return `rgb(${colormapTable(colormap)
    .slice(at, at + 3)
    .join(",")})`;
}

/** Round numbers between two ends, about as many as asked: steps of 1, 2 or 5 times a power of ten. */
function ticks(low: number, high: number, count: number): number[] {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const [first, last] = [Math.ceil(low / step), Math.floor(high / step)];
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

const shown = (value: number): string => String(Number(value.toPrecision(6))).replace("-", "−");
const round = (value: number): number => Math.round(value * 100) / 100;

const escapeXml = (content: string): string =>
  content.replace(/[<>&"]/g, (character) => `&#${character.charCodeAt(0)};`);

const text = (x: number, y: number, content: string, anchor: string, size: number, weight = "normal"): string =>
  `<text x="${x}" y="${y}" font-size="${size}" text-anchor="${anchor}" font-weight="${weight}">${escapeXml(content)}</text>`;
