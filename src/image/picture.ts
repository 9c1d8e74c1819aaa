import { toDataURL } from "./encode";
import type { ImageLike } from "./image";

/** Pixels that the library made: a plain picture for every function that takes one, with a way to show it. */
export class Picture implements ImageLike {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly width: number;
  readonly height: number;

  constructor({ data, width, height }: ImageLike) {
    this.data = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    this.width = width;
    this.height = height;
  }

  /** The picture as a PNG in a `data:` URL, for `<img src>`. */
  toDataURL(): Promise<string> {
    return toDataURL(this);
  }
}
