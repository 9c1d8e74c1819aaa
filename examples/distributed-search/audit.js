// What is audited, the same for everyone who works on it: parts of different audits do not merge.
import { audit, decodeImage } from "seethrough";
import { shardsOf } from "./search.js";

export const options = { method: "grad-cam" };

/** Those of a search under names of their own, so that both can be in one queue. */
export const auditShardsOf = (keys) =>
  shardsOf(keys).map(({ shard, ...rest }) => ({ shard: `audit-${shard}`, ...rest }));

/** @param read  the bytes of the image with this key */
export function auditShard(model, { keys }, read) {
  const images = keys.map((id) => ({ id, image: async () => decodeImage(await read(id)) }));
  return audit(model, images, { ...options, onError: "skip" });
}
