/** Every code point but the surrogates, which no UTF-8 of a client has, in one text of 4 MiB. */
export const EVERY_CHARACTER = Array.from({ length: 0x11_0000 }, (_, codePoint) =>
  codePoint >= 0xd800 && codePoint <= 0xdfff ? "" : String.fromCodePoint(codePoint),
).join("");
