/** A class's number by its name or number; undefined where the network has none of it. */
export function namedClass(
  label: string | number | undefined,
  { labels, classes }: { readonly labels?: readonly string[] | undefined; readonly classes: number },
): number | undefined {
  if (label === undefined) return undefined;
  const named = labels?.indexOf(String(label)) ?? -1;
  if (named >= 0) return named;
  const number = typeof label === "number" || /^\d+$/.test(label) ? Number(label) : -1;
  return Number.isInteger(number) && number >= 0 && number < classes ? number : undefined;
}
