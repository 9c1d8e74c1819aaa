import { channelsOf, type ImageLike, type PictureData } from "../image/image";

/** The picture at another size, each pixel the one of the picture that lies under its centre. */
export function resizeNearest(image: ImageLike, width: number, height: number): PictureData {
  const channels = channelsOf(image);
  const data = Uint8ClampedArray.from({ length: width * height * channels }, (_, i) => {
    const pixel = Math.floor(i / channels);
    const x = Math.floor((((pixel % width) + 0.5) * image.width) / width);
    const y = Math.floor(((Math.floor(pixel / width) + 0.5) * image.height) / height);
    return image.data[(y * image.width + x) * channels + (i % channels)];
  });
  return { data, width, height };
}
