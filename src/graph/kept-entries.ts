/** The entries of a map whose names stay; the map itself where all do, so that graphs of many thousand values are not copied for nothing. */
export function keptEntries<V>(
  map: ReadonlyMap<string, V>,
  stays: (name: string, value: V) => boolean,
): ReadonlyMap<string, V> {
  const kept = new Map<string, V>();
  for (const [name, value] of map) if (stays(name, value)) kept.set(name, value);
  return kept.size === map.size ? map : kept;
}
