/** Attributions as plain data, for files and between threads. */
import { type ReportedAttribution, Tensor } from "../index";

/** An attribution with its values as base64: a fifth of what their digits are. */
export type AttributionText = Omit<ReportedAttribution, "values"> & {
  readonly values: { readonly shape: readonly number[]; readonly float32: string };
};

export const attributionText = ({ values, ...rest }: ReportedAttribution): AttributionText => {
  const { buffer, byteOffset, byteLength } = values.data;
  return {
    ...rest,
    values: { shape: values.shape, float32: Buffer.from(buffer, byteOffset, byteLength).toString("base64") },
  };
};

export const attributionOf = ({ values: { shape, float32 }, ...rest }: AttributionText): ReportedAttribution => ({
  ...rest,
  values: new Tensor(new Float32Array(new Uint8Array(Buffer.from(float32, "base64")).buffer), shape),
});
