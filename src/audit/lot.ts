/** A lot drawn for a text, 0 to 1: the same on every host (FNV-1a, https://datatracker.ietf.org/doc/html/draft-eastlake-fnv, mixed once more). */
export function lot(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}
