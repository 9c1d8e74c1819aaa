import type { ImageLike, PictureData } from "./image";

/** Pixels that the library made: a plain picture for every function that takes one, with a way to show it. */
export class Picture implements PictureData {
  readonly data: Uint8ClampedArray<ArrayBuffer>;
  readonly width: number;
  readonly height: number;

  constructor({ data, width, height }: ImageLike) {
    this.data = new Uint8ClampedArray(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    this.width = width;
    this.height = height;
  }

  /** The picture as a PNG in a `data:` URL, for `<img src>`. */
  async toDataURL(): Promise<string> {
    const { toDataURL } = await import("./encode");
    return toDataURL(this);
  }
}
