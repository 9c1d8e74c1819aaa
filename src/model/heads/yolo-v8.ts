import { candidatesOf, readingOf } from "./candidates";
import type { HeadFamily } from "./family";

/** YOLOv8, v9, v11 and v12, and their -seg and -pose variants: `[1, 4 + C, N]`, decoded to centre and size, no objectness. */
export const yoloV8: HeadFamily = {
  name: "yolo-v8",
  recognise(clues) {
    const found = candidatesOf(clues);
    return found && !found.hasObjectness && !found.isRaw ? readingOf(found, clues) : undefined;
  },
};
