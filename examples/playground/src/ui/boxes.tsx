import type { Detection } from "seethrough";
import { answers, askedBox, className, target } from "../state/question";
import { bringUp } from "./bring-up";

interface Size {
  readonly width: number;
  readonly height: number;
}

const percent = (share: number): string => `${share * 100}%`;

/** Where a box lies on its picture, cut to it. */
function placed({ box }: Detection, { width, height }: Size) {
  const within = (at: number, extent: number): number => Math.min(Math.max(at / extent, 0), 1);
  const [left, right] = [within(box.x, width), within(box.x + box.width, width)];
  const [top, bottom] = [within(box.y, height), within(box.y + box.height, height)];
  return { left: percent(left), top: percent(top), width: percent(right - left), height: percent(bottom - top) };
}

/** The boxes that a detector found, on the picture: each is a button that asks about it. */
export function ClickableBoxes({ size }: { readonly size: Size }) {
  // Those of the picture before this one say nothing about it.
  const boxes = (answers.value.status === "done" && answers.value.value.boxes) || [];
  // Small boxes lie above large ones, so that each can be hit.
  const bySize = [...boxes].sort((a, b) => b.box.width * b.box.height - a.box.width * a.box.height);
  return (
    <>
      {boxes.map((box, i) => {
        const name = box.label ?? className(box.index);
        const isAtTop = box.box.y < size.height * 0.07;
        const isAtRight = box.box.x > size.width * 0.6;
        return (
          <button
            key={i}
            type="button"
            class="box"
            aria-pressed={askedBox.value === box}
            aria-label={`Box ${i + 1}: ${name}, ${Math.round(box.score * 100)} %`}
            style={{ ...placed(box, size), zIndex: bySize.indexOf(box) + 1 }}
            onClick={() => {
              target.value = { detection: box };
              // Of one column the evidence stands above what was tapped.
              bringUp(document.querySelector(".evidence"), "nearest");
            }}
          >
            <span class={`box-name ${isAtTop ? "inside" : ""} ${isAtRight ? "from-right" : ""}`} aria-hidden="true">
              {i + 1} {name}
            </span>
          </button>
        );
      })}
    </>
  );
}

/** The box that an overlay explains. */
export function ExplainedBox({ box, size }: { readonly box: Detection; readonly size: Size }) {
  return <span class="box explained" aria-hidden="true" style={placed(box, size)} />;
}
