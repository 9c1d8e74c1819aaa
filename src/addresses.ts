import { joinBytes } from "./join-bytes";

/** Addresses as error texts may show them, and bodies that are not read further than somebody has room for. */

const longest = 300;

/** An address without what may be secret in it: user, password, query and fragment. A data: address is its whole content. */
export function shownAddress(address: string): string {
  const text = withoutSecrets(address.slice(0, 4 * longest));
  return /^(data|blob):/i.test(text) ? `${text.slice(0, 24)}…` : cut(text);
}

/** An address, if it is one. */
export function parseAddress(text: string, base?: URL): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}

/** A text of somebody else's, a host's reason for example, with the addresses in it made harmless. */
export const withoutSecrets = (text: string): string =>
  text.replace(
    /([a-z][a-z0-9+.-]{0,30}:\/\/)([^\s/?#"'<>]*@)?([^\s?#"'<>]*)([?#][^\s"'<>]*)?/gi,
    (_, scheme: string, __, rest: string) => scheme + rest,
  );

/** A text that a file brought along, short enough for a message. */
export const cut = (text: string, most: number = longest): string =>
  text.length > most ? `${text.slice(0, most)}… (${text.length} characters)` : text;

/**
 * The body of a response, read piece by piece and no further than allowed.
 *
 * @param most      bytes that there is room for
 * @param tooLarge  makes the error where there are more, of how many are known to come
 */
export async function readBody(
  response: Response,
  most: number,
  tooLarge: (bytes: number) => Error,
): Promise<Uint8Array<ArrayBuffer>> {
  const announced = Number(response.headers?.get("content-length") ?? 0);
  const reader = response.bodyUsed ? undefined : response.body?.getReader?.();
  if (!reader) {
    // An empty body, or a host that has no streams; of a body that was read before, the host says so.
    if (announced > most) throw tooLarge(announced);
    const whole = new Uint8Array(await response.arrayBuffer());
    if (whole.byteLength > most) throw tooLarge(whole.byteLength);
    return whole;
  }
  const pieces: Uint8Array[] = [];
  let total = announced > most ? announced : 0;
  while (total <= most) {
    const { done, value } = await reader.read();
    if (done) return joinBytes(pieces) as Uint8Array<ArrayBuffer>;
    pieces.push(value);
    total += value.byteLength;
  }
  // Nobody waits for the host to agree.
  reader.cancel().catch(() => {});
  throw tooLarge(total);
}
