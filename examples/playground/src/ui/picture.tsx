import { useLayoutEffect, useRef } from "preact/hooks";
import type { Picture } from "../worker/protocol";

interface Props {
  readonly picture: Picture;
  /** What the picture shows, for people who cannot see it; "" where the text beside it says so. */
  readonly label: string;
  readonly className?: string;
  /** Few pixels are shown as squares instead of a blur. */
  readonly pixelated?: boolean;
}

/** Pixels on a canvas. */
export function PictureCanvas({ picture, label, className = "", pixelated = false }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    const { data, width, height } = picture;
    canvas.current?.getContext("2d")?.putImageData(new ImageData(data, width, height), 0, 0);
  }, [picture]);
  return (
    <canvas
      ref={canvas}
      width={picture.width}
      height={picture.height}
      {...(label === "" ? { "aria-hidden": true } : { role: "img", "aria-label": label })}
      class={`picture ${pixelated ? "pixelated" : ""} ${className}`}
    />
  );
}
