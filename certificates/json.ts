/** Texts of others that ought to be JSON. */

/** @returns undefined for what is none: an empty body, a certificate, the page of a proxy. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
