declare module "jpeg-js/lib/encoder.js" {
  /** @param picture  RGBA */
  export default function encode(
    picture: { readonly data: Uint8Array; readonly width: number; readonly height: number },
    quality: number,
  ): { readonly data: Uint8Array };
}
