import { useState } from "preact/hooks";
import { className, target } from "../state/question";
import type { Answers } from "../worker/protocol";
import { PictureCanvas } from "./picture";

/** Nobody wins here; the one class that there is may still be asked about. */
const nobody = 65535;

interface Place {
  readonly on: Uint16Array;
  readonly at: readonly [row: number, column: number];
}

/** The winning class of every place. A click, or the arrow keys and Enter, picks a place to explain. */
export function OutputMap({ map }: { readonly map: NonNullable<Answers["map"]> }) {
  const { picture, winners } = map;
  const { width, height } = picture;
  const [place, setPlace] = useState<Place>();
  // A place belongs to the map it was picked on; the next map starts in its middle.
  const [y, x] = place?.on === winners ? place.at : [Math.floor(height / 2), Math.floor(width / 2)];
  const go = (row: number, column: number): void => setPlace({ on: winners, at: [row, column] });
  const winner = winners[y * width + x];
  const here = `row ${y}, column ${x}: ${winner === nobody ? "no class" : className(winner)}`;
  const pick = (row: number, column: number): void => {
    go(row, column);
    const at = winners[row * width + column];
    target.value = { position: [row, column], channel: at === nobody ? 0 : at };
  };
  const step = Math.max(1, Math.round(Math.max(width, height) / 64));
  const move = (event: KeyboardEvent): void => {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (by) {
      event.preventDefault();
      const [dy, dx] = by;
      go(Math.min(height - 1, Math.max(0, y + dy * step)), Math.min(width - 1, Math.max(0, x + dx * step)));
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      pick(y, x);
    }
  };
  return (
    <button
      type="button"
      class="output-map"
      data-picked={typeof target.value === "object" && "position" in target.value}
      aria-label={`Output map, ${here}. Arrow keys move, Enter explains this place.`}
      onKeyDown={move}
      onClick={(event) => {
        // A click made by the keyboard has no place of its own.
        if (event.detail === 0) return;
        const box = event.currentTarget.getBoundingClientRect();
        const at = (offset: number, extent: number, side: number): number =>
          Math.min(side - 1, Math.max(0, Math.floor((offset / extent) * side)));
        pick(at(event.clientY - box.top, box.height, height), at(event.clientX - box.left, box.width, width));
      }}
    >
      <PictureCanvas picture={picture} label="" pixelated />
      <span
        class="crosshair"
        aria-hidden="true"
        style={{ left: `${((x + 0.5) / width) * 100}%`, top: `${((y + 0.5) / height) * 100}%` }}
      />
      <span class="here">{here}</span>
    </button>
  );
}
