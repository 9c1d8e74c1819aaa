import type { AxisWindow } from "./locality";

/** A stretch of one axis for every position of a change: all of one length, each where its position has it. */
export interface Span {
  readonly size: number;
  /** First index; a stretch may jut out of the map. */
  readonly starts: readonly number[];
}

/** Outputs whose window meets a stretch of the inputs, of several stretches those of any of them. */
export function reached(changed: readonly Span[], { extent, stride, pad }: AxisWindow, outputs: number): Span {
  const within = (output: number): number => Math.min(Math.max(output, 0), outputs);
  const [first] = changed;
  const starts = first.starts.map((_, i) =>
    Math.min(...changed.map(({ starts }) => within(Math.ceil((starts[i] + pad - extent + 1) / stride)))),
  );
  const sizes = starts.map((start, i) =>
    Math.max(
      ...changed.map(({ starts, size }) => within(Math.floor((starts[i] + size - 1 + pad) / stride) + 1) - start),
    ),
  );
  return { starts, size: Math.max(1, ...sizes) };
}

/** The inputs that a stretch of outputs is computed from. */
export const windowed = ({ size, starts }: Span, { extent, stride, pad }: AxisWindow): Span => ({
  size: (size - 1) * stride + extent,
  starts: starts.map((start) => start * stride - pad),
});

/**
 * True where a computed stretch can be read as it is. What of it juts out of the map is no border, and may only be read for outputs that
 * jut out themselves.
 */
export const serves = (
  computed: Span,
  asked: Span,
  { extent, stride, pad }: AxisWindow,
  [inputs, outputs]: readonly [number, number],
): boolean =>
  computed.size === asked.size &&
  computed.starts.every((start, i) => start === asked.starts[i]) &&
  ((extent === 1 && stride === 1 && pad === 0 && inputs === outputs) ||
    computed.starts.every((start) => start >= 0 && start + computed.size <= inputs));
