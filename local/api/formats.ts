/** String formats that are checked. Others are documentation. */

const dateTime = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const date = /^\d{4}-\d\d-\d\d$/;

const checks: Record<string, (text: string) => boolean> = {
  'date-time': (text) => dateTime.test(text) && !Number.isNaN(Date.parse(text.replace(' ', 'T').toUpperCase())),
  // As Go writes it: exactly six digits. A cluster refuses what Date.toISOString() gives.
  'micro-time': (text) => /\.\d{6}(Z|[+-]\d\d:\d\d)$/.test(text) && dateTime.test(text) && !Number.isNaN(Date.parse(text)),
  date: (text) => date.test(text) && !Number.isNaN(Date.parse(text)),
  byte: isBase64,
  uuid: (text) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text),
};

export function matchesFormat(text: string, format: string): boolean {
  return !Object.hasOwn(checks, format) || checks[format]?.(text) !== false;
}

export function isBase64(text: string): boolean {
  return illegalBase64At(text) === undefined;
}

/** Where standard base64 with padding is broken; undefined when it is not. Line breaks are skipped. */
export function illegalBase64At(text: string): number | undefined {
  const bad = /[^A-Za-z0-9+/=\r\n]/.exec(text);
  if (bad) return bad.index;
  const plain = text.replaceAll(/[\r\n]/g, '');
  const padding = plain.indexOf('=');
  if (padding >= 0 && !/^={1,2}$/.test(plain.slice(padding))) return padding;
  return plain.length % 4 === 0 ? undefined : padding >= 0 ? padding : plain.length;
}
